import { blake3 } from 'hash-wasm';
import { expect, test } from 'vitest';
import { LAYOUT } from '../../src/kernels/layout.generated.js';
import { blake3Keyed } from '../reference/blake3.js';
import { seeded, testKernels } from '../support/kernels.js';

/**
 * Lengths and the first 32 bytes of `keyed_hash` of test_vectors/test_vectors.json in
 * https://github.com/BLAKE3-team/BLAKE3: the input repeats the bytes 0 … 250.
 */
const KEY = 'whats the Elvish word for friend';
const VECTORS: readonly [number, string][] = [
  [0, '92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26'],
  [1, '6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b'],
  [1023, 'c951ecdf03288d0fcc96ee3413563d8a6d3589547f2c2fb36d9786470f1b9d6e'],
  [1024, '75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4'],
  [1025, '357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69'],
  [2048, '879cf1fa2ea0e79126cb1063617a05b6ad9d0b696d0d757cf053439f60a99dd1'],
  [2049, '9f29700902f7c86e514ddc4df1e3049f258b2472b6dd5267f61bf13983b78dd5'],
  [3072, '044a0e7b172a312dc02a4c9a818c036ffa2776368d7f528268d2e6b5df191770'],
  [3073, '68dede9bef00ba89e43f31a6825f4cf433389fedae75c04ee9f0cf16a427c95a'],
  [4096, 'befc660aea2f1718884cd8deb9902811d332f4fc4a38cf7c7300d597a081bfc0'],
  [4097, '00df940cd36bb9fa7cbbc3556744e0dbc8191401afe70520ba292ee3ca80abbc'],
  [5120, '2c493e48e9b9bf31e0553a22b23503c0a3388f035cece68eb438d22fa1943e20'],
  [5121, '6ccf1c34753e7a044db80798ecd0782a8f76f33563accaddbfbb2e0ea4b2d024'],
  [6145, '9ac301e9e39e45e3250a7e3b3df701aa0fb6889fbd80eeecf28dbc6300fbc539'],
  [7169, 'ed9b1a922c046fdb3d423ae34e143b05ca1bf28b710432857bf738bcedbfa511'],
  [8192, 'dc9637c8845a770b4cbf76b8daec0eebf7dc2eac11498517f08d44c8fc00d58a'],
  [8193, '954a2a75420c8d6547e3ba5b98d963e6fa6491addc8c023189cc519821b4a1f5'],
  [16384, '9e9fc4eb7cf081ea7c47d1807790ed211bfec56aa25bb7037784c13c4b707b0d'],
  [31744, 'efa53b389ab67c593dba624d898d0f7353ab99e4ac9d42302ee64cbf9939a419'],
  [102400, '1c35d1a5811083fd7119f5d5d1ba027b4d01c0c6c49fb6ff2cf75393ea5db4a7'],
];
const MAX_PAGE_BYTES = 65536;
const MAX_PAGES = 40;

const kernels = await testKernels();
const { BLAKE3_SCRATCH_BYTES } = LAYOUT;
const [keyAt, out, scratch] = [32, 32 * MAX_PAGES, BLAKE3_SCRATCH_BYTES].map((bytes, i) =>
  kernels.reserve(bytes, `slot ${i}`),
) as [number, number, number];
const src = kernels.reserve(MAX_PAGES * 16384, 'pages');
const classes = kernels.reserve(2 * MAX_PAGES, 'classes');
const random = seeded(3);
const key = Uint8Array.from({ length: 32 }, () => random());
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function hash(key: Uint8Array, pageCount: number, pageBytes: number, classes = 0, digestBytes = 32): void {
  kernels.bytes.set(key, keyAt);
  kernels.run.blake3Pages(src, pageCount, pageBytes, classes, keyAt, out, digestBytes, scratch);
}

function digest(page = 0, digestBytes = 32): string {
  const at = out + page * digestBytes;
  return hex(kernels.bytes.subarray(at, at + digestBytes));
}

function fillRandom(bytes: number): void {
  for (let i = 0; i < bytes; i++) kernels.bytes[src + i] = random();
}

test('the vectors of the BLAKE3 team', () => {
  for (const [bytes, expected] of VECTORS) {
    const data = Uint8Array.from({ length: bytes }, (_, i) => i % 251);
    expect(hex(blake3Keyed(data, Buffer.from(KEY))), `reference, ${bytes} bytes`).toBe(expected);
    if (bytes > MAX_PAGE_BYTES) continue;
    kernels.bytes.set(data, src);
    hash(Buffer.from(KEY), 1, bytes);
    expect(digest(), `kernel, ${bytes} bytes`).toBe(expected);
  }
});

test('the kernel equals its reference and hash-wasm at the borders of blocks, chunks and subtrees', async () => {
  fillRandom(MAX_PAGE_BYTES);
  const borders = [
    0,
    64,
    128,
    ...Array.from({ length: 17 }, (_, i) => 1024 * (i + 1)),
    32768,
    MAX_PAGE_BYTES,
  ];
  const lengths = borders.flatMap((border) => [border - 1, border, border + 1, border + 500]);
  for (const bytes of lengths.filter((length) => length >= 0 && length <= MAX_PAGE_BYTES)) {
    hash(key, 1, bytes);
    const data = kernels.bytes.slice(src, src + bytes);
    expect(digest(), `hash-wasm, ${bytes} bytes`).toBe(await blake3(data, 256, key));
    if (bytes <= 9000) expect(digest(), `reference, ${bytes} bytes`).toBe(hex(blake3Keyed(data, key)));
  }
});

test.each([
  [4096, 32],
  [4096, 16],
  [16384, 20],
  [5000, 1],
])('a run of pages of %i bytes without its zero pages, %i bytes a digest', async (pageBytes, digestBytes) => {
  fillRandom(MAX_PAGES * pageBytes);
  const view = new DataView(kernels.bytes.buffer);
  for (const pages of [1, 15, 16, 17, MAX_PAGES]) {
    // Every fifth page is a zero page by its class, and other pages are filled with a byte.
    for (let i = 0; i < pages; i++)
      view.setUint16(classes + 2 * i, i % 5 === 3 ? 0x100 : i % 3 === 1 ? 0x1ff : 0, true);
    kernels.bytes.fill(0xaa, out, out + 32 * MAX_PAGES);
    hash(key, pages, pageBytes, classes, digestBytes);
    for (let i = 0; i < MAX_PAGES; i++) {
      const page = kernels.bytes.slice(src + i * pageBytes, src + (i + 1) * pageBytes);
      const isHashed = i < pages && i % 5 !== 3;
      const expected = isHashed ? await blake3(page, 8 * digestBytes, key) : 'aa'.repeat(digestBytes);
      expect(digest(i, digestBytes), `page ${i} of ${pages}`).toBe(expected);
    }
  }
});

test('reads nothing outside its input and writes nothing outside its slots', async () => {
  const small = await testKernels(3 * 65536);
  const end = small.bytes.length;
  const slots = [32, 16, BLAKE3_SCRATCH_BYTES].map((bytes) => small.reserve(bytes, 'slot'));
  const [keyAt, out, scratch] = slots as [number, number, number];
  const scratchEnd = scratch + BLAKE3_SCRATCH_BYTES;
  for (const bytes of [0, 1, 63, 64, 1023, 1025, 4095, 4096, 5000, 16384, 65536]) {
    // The input ends with the memory: a read past it would trap.
    small.bytes.fill(0xcc, keyAt);
    small.run.blake3Pages(end - bytes, 1, bytes, 0, keyAt, out, 16, scratch);
    const written = small.bytes.slice(keyAt).fill(0xcc, out - keyAt, out - keyAt + 16);
    written.fill(0xcc, scratch - keyAt, scratchEnd - keyAt);
    expect(written.every((byte) => byte === 0xcc)).toBe(true);
  }
});
