import koffi from 'koffi';
import { describe, expect, test } from 'vitest';
import { xxh3_64, xxh3_128 } from '../reference/xxh3.js';
import { seeded, testKernels } from '../support/kernels.js';

const LARGEST = 70_000;
const SEEDS = [0n, 1n, 0x9e3779b185ebca87n, 0xffffffffffffffffn, 0x00000001_00000000n];
/** Both sides of every length class, stripe and block border, and some in between. */
const LENGTHS = [
  ...Array.from({ length: 600 }, (_, i) => i),
  ...[
    1023,
    1024,
    1025,
    1087,
    1088,
    1089,
    2047,
    2048,
    2049,
    4095,
    4096,
    4097,
    5000,
    16384,
    65535,
    65536,
    LARGEST,
  ],
];

const kernels = await testKernels();
const src = kernels.reserve(LARGEST + 3, 'input');
const out = kernels.reserve(64, 'digest');
const view = new DataView(kernels.bytes.buffer);
const random = seeded(1);
for (let i = 0; i < LARGEST + 3; i++) kernels.bytes[src + i] = random();

const half = (seed: bigint, shift: bigint) => Number((seed >> shift) & 0xffffffffn);

function hash64(at: number, bytes: number, seed: bigint): bigint {
  kernels.run.hash64(at, bytes, half(seed, 0n), half(seed, 32n), out);
  return view.getBigUint64(out, true);
}

function hash128(at: number, bytes: number, seed: bigint): { low: bigint; high: bigint } {
  kernels.run.hash128(at, bytes, half(seed, 0n), half(seed, 32n), out);
  return { low: view.getBigUint64(out, true), high: view.getBigUint64(out + 8, true) };
}

describe('XXH3 equals its reference', () => {
  for (const seed of SEEDS.slice(0, 3)) {
    test(`seed ${seed}`, () => {
      for (const bytes of LENGTHS.filter((n) => n <= 5000)) {
        const data = kernels.bytes.subarray(src, src + bytes);
        expect(hash64(src, bytes, seed), `64 bits of ${bytes} bytes`).toBe(xxh3_64(data, seed));
        expect(hash128(src, bytes, seed), `128 bits of ${bytes} bytes`).toEqual(xxh3_128(data, seed));
      }
    });
  }

  test('of pages and of long inputs', () => {
    for (const bytes of [16384, 65536, LARGEST]) {
      expect(hash128(src, bytes, 7n)).toEqual(xxh3_128(kernels.bytes.subarray(src, src + bytes), 7n));
      expect(hash128(src, bytes, 0n)).toEqual(xxh3_128(kernels.bytes.subarray(src, src + bytes)));
    }
  });

  test('of no byte, known value', () => {
    expect(hash64(src, 0, 0n)).toBe(0x2d06800538d394c2n);
    expect(hash128(src, 0, 0n)).toEqual({ low: 0x6001c324468d497fn, high: 0x99aa06d3014798d8n });
  });
});

function loadLibrary() {
  for (const name of ['libxxhash.so.0', 'libxxhash.0.dylib', 'libxxhash.dll']) {
    try {
      return koffi.load(name);
    } catch {}
  }
  return undefined;
}

const library = loadLibrary();
if (!library) console.warn('libxxhash is not installed: XXH3 is compared with the reference alone');

test.skipIf(!library)('XXH3 equals libxxhash at every length up to 70000, aligned and not', () => {
  const Digest = koffi.struct('XXH128_hash_t', { low: 'uint64_t', high: 'uint64_t' });
  const native64 = library!.func('XXH3_64bits_withSeed', 'uint64_t', ['void *', 'size_t', 'uint64_t']);
  const native128 = library!.func('XXH3_128bits_withSeed', Digest, ['void *', 'size_t', 'uint64_t']);
  let different = 0;
  for (let bytes = 0; bytes <= LARGEST; bytes++) {
    // all seeds where code paths are dense, then seed 0 and one of the others
    const seeds = bytes <= 2200 ? SEEDS : [0n, SEEDS[1 + (bytes % (SEEDS.length - 1))]!];
    const at = src + (bytes & 3);
    const data = kernels.bytes.subarray(at, at + Math.max(bytes, 1));
    for (const seed of seeds) {
      const expected = native128(data, bytes, seed);
      const { low, high } = hash128(at, bytes, seed);
      if (low !== BigInt(expected.low) || high !== BigInt(expected.high)) different++;
      if (hash64(at, bytes, seed) !== BigInt(native64(data, bytes, seed))) different++;
    }
  }
  expect(different).toBe(0);
});

test('a batch hashes normal pages and leaves the others alone', () => {
  const pageBytes = 4096;
  const classes = kernels.reserve(32, 'classes');
  const digests = kernels.reserve(16 * 17, 'digests');
  kernels.bytes.fill(0xaa, digests, digests + 16 * 17);
  const pages = 16;
  for (let i = 0; i < pages; i++) view.setUint16(classes + 2 * i, i % 3 === 1 ? 0x100 | i : 0, true);
  kernels.run.hash128Pages(src, pages, pageBytes, classes, digests);
  for (let i = 0; i <= pages; i++) {
    const got = {
      low: view.getBigUint64(digests + 16 * i, true),
      high: view.getBigUint64(digests + 16 * i + 8, true),
    };
    const untouched = i % 3 === 1 || i === pages;
    const page = src + pageBytes * i;
    const canary = 0xaaaaaaaaaaaaaaaan;
    expect(got).toEqual(
      untouched ? { low: canary, high: canary } : xxh3_128(kernels.bytes.subarray(page, page + pageBytes)),
    );
  }
});

test('bytes in runs have the hash of the bytes in one piece', () => {
  const runs = kernels.reserve(8 * 4, 'runs');
  const lengths = [
    [1024, 64],
    [1024, 1024],
    [4096, 1025],
    [2048, 1024, 1087],
    [1024, 4096, 2048, 64],
    [8192, 16_384, 4096, 4095],
    [300],
    [4096],
  ];
  for (const of of lengths) {
    // The runs are in memory in the opposite order.
    let at = src;
    const places = of.toReversed().map((length) => {
      const place = { at, length };
      at += length + 64;
      return place;
    });
    places.reverse();
    places.forEach((place, i) => {
      view.setUint32(runs + 8 * i, place.at, true);
      view.setUint32(runs + 8 * i + 4, place.length, true);
    });
    const whole = Buffer.concat(places.map((one) => kernels.bytes.subarray(one.at, one.at + one.length)));
    view.setBigUint64(out, 0n, true);
    kernels.run.hash64Runs(runs, places.length, whole.length, out);
    expect(view.getBigUint64(out, true), `${of}`).toBe(xxh3_64(whole));
  }
});

test('writes 8 and 16 bytes, no more', () => {
  for (const bytes of [0, 3, 8, 16, 100, 200, 4096]) {
    for (const seed of [0n, 5n]) {
      kernels.bytes.fill(0xcc, out, out + 64);
      hash64(src, bytes, seed);
      expect(kernels.bytes.subarray(out + 8, out + 64).every((byte) => byte === 0xcc)).toBe(true);
      hash128(src, bytes, seed);
      expect(kernels.bytes.subarray(out + 16, out + 64).every((byte) => byte === 0xcc)).toBe(true);
    }
  }
});

test('reads nothing outside its input', async () => {
  // an input that ends with the memory: a read past it would trap
  const small = await testKernels(65536);
  const end = small.bytes.length;
  for (const bytes of LENGTHS.filter((n) => n <= 5000)) {
    small.run.hash64(end - bytes, bytes, 0, 0, 4096);
    small.run.hash128(end - bytes, bytes, 9, 9, 4096);
  }
});
