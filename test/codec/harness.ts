import { expect, test } from 'vitest';
import type { KernelExports } from '../../src/kernels/exports.js';
import { STATUS } from '../../src/kernels/status.js';
import { seeded, testKernels } from '../support/kernels.js';

const SLACK = 64;
const CANARY = 0xa5;
const CANARY_BYTES = 256;

/**
 * A kernel and its reference implementation. `base` is only for delta codecs; `referenceEncode` returns null
 * for a page that it cannot encode.
 */
export interface Subject {
  encode(
    run: KernelExports,
    src: number,
    bytes: number,
    out: number,
    capacity: number,
    scratch: number,
    base: number,
  ): number;
  decode(
    run: KernelExports,
    src: number,
    bytes: number,
    out: number,
    pageBytes: number,
    scratch: number,
  ): number;
  referenceEncode(page: Uint8Array, base: Uint8Array): Uint8Array | null;
  referenceDecode(data: Uint8Array, pageBytes: number, base: Uint8Array): Uint8Array | number;
}

export interface Result {
  /** What the kernel returned. */
  readonly status: number;
  readonly bytes: Uint8Array;
}

/**
 * Run one kernel so that out-of-bounds accesses are detected: its input and slack end at the end of the
 * memory (a read beyond traps), the slack holds noise, and its output lies between canaries.
 */
export async function rig(subject: Subject) {
  const { run, bytes: memory, memoryBytes, reserve } = await testKernels(2 << 20);
  const scratch = reserve(run.WKDM_SCRATCH_BYTES.value, 'scratch');
  const low = reserve(3 * 65536, 'a slot');
  const out = reserve(3 * 65536, 'output');
  const noise = seeded(99);

  const place = (content: Uint8Array, atEnd: boolean, offset: number): number => {
    const address = atEnd ? memoryBytes - SLACK - content.length : low + offset;
    memory.set(content, address);
    for (let i = 0; i < SLACK; i++) memory[address + content.length + i] = noise();
    return address;
  };
  const guarded = (capacity: number, offset: number, call: (to: number) => number): Result => {
    const to = out + CANARY_BYTES + offset;
    memory.fill(CANARY, to - CANARY_BYTES, to);
    memory.fill(CANARY, to + capacity, to + capacity + CANARY_BYTES);
    const status = call(to);
    const around = [
      memory.subarray(to - CANARY_BYTES, to),
      memory.subarray(to + capacity, to + capacity + CANARY_BYTES),
    ];
    if (around.some((side) => side.some((byte) => byte !== CANARY)))
      throw new Error(`wrote outside its ${capacity} bytes`);
    return { status, bytes: memory.slice(to, to + Math.max(0, status)) };
  };

  return {
    encode(page: Uint8Array, base: Uint8Array, capacity: number, offset = 0, pageAtEnd = true): Result {
      const b = place(base, !pageAtEnd, offset);
      const p = place(page, pageAtEnd, offset);
      return guarded(capacity, offset, (to) => subject.encode(run, p, page.length, to, capacity, scratch, b));
    },
    decode(data: Uint8Array, base: Uint8Array, pageBytes: number, offset = 0): Result {
      // Decode a second time with the page at the end of the memory: a store beyond it traps, even one that
      // would not change the canary.
      const end = memoryBytes - pageBytes;
      memory.set(base.subarray(0, pageBytes), end);
      const status = subject.decode(run, place(data, false, offset), data.length, end, pageBytes, scratch);
      const bytes = memory.slice(end, end + Math.max(0, status));
      const src = place(data, true, 0);
      const result = guarded(pageBytes, offset, (to) => {
        memory.set(base.subarray(0, pageBytes), to);
        return subject.decode(run, src, data.length, to, pageBytes, scratch);
      });
      if (result.status !== status || Buffer.compare(result.bytes, bytes) !== 0)
        throw new Error('decoded differently elsewhere');
      return result;
    },
  };
}

/** Kinds of page as guests have them, all of `bytes` bytes, seeded. */
export function pageKinds(bytes: number, seed: number): Record<string, Uint8Array> {
  const random = seeded(seed);
  const fill = (next: (i: number) => number) => Uint8Array.from({ length: bytes }, (_, i) => next(i));
  const wordsOf = (next: (i: number) => number) => {
    const words = Uint32Array.from({ length: Math.ceil(bytes / 4) }, (_, i) => next(i));
    return new Uint8Array(words.buffer).slice(0, bytes);
  };
  const text = 'the page moves, the guest runs on; a dirty page moves yet again. ';
  const runs: number[] = [];
  while (runs.length < bytes)
    runs.push(...new Array(1 + (random() % 7 === 0 ? random() % 300 : random() % 6)).fill(random() & 3));
  return {
    zero: fill(() => 0),
    same: fill(() => 0xcc),
    alternating: fill((i) => (i & 1 ? 0x55 : 0xaa)),
    random: fill(() => random()),
    sparse: fill(() => (random() % 50 === 0 ? random() : 0)),
    'sparse words': wordsOf(() => (random() % 9 === 0 ? random() : 0)),
    text: fill((i) => text.charCodeAt((i + (random() % 40 === 0 ? 1 : 0)) % text.length)),
    pointers: wordsOf((i) => (i & 1 ? 0xffff8880 : 0x3f200000 + (random() % 4096) * 8)),
    code: wordsOf(() => [0xe8, 0x0f1f4400, 0x48, random() % 65536, random()][random() % 5]!),
    counters: wordsOf((i) => (i % 16 < 4 ? i : random() % 3)),
    runs: Uint8Array.from(runs.slice(0, bytes)),
  };
}

/** A base that a page may have come from: some stretches differ. */
export function baseOf(page: Uint8Array, seed: number): Uint8Array {
  const random = seeded(seed);
  const base = page.slice();
  const rarity = [3, 20, 400][seed % 3]!;
  for (let i = 0; i < base.length; i++)
    if (random() % rarity === 0)
      for (let n = random() % 40; n >= 0 && i < base.length; n--, i++) base[i]! ^= random();
  return base;
}

const SIZES = [
  4096, 16384, 65536, 1, 2, 3, 4, 5, 15, 16, 17, 31, 32, 48, 63, 64, 65, 66, 67, 68, 112, 127, 128, 129, 130,
  131, 132,
];
const ODD_SIZES = [191, 192, 193, 194, 195, 208, 255, 256, 257, 1000, 1040, 4095, 4097, 12345, 32752, 65535];

/** What every codec kernel must do, as tests. */
export function contract(name: string, subject: Subject): void {
  test(`${name} writes the bytes of its reference implementation, and reads them back`, async () => {
    const it = await rig(subject);
    for (const [n, bytes] of [...SIZES, ...ODD_SIZES].entries())
      for (const [kind, page] of Object.entries(pageKinds(bytes, n + 1))) {
        const base = baseOf(page, n);
        const expected = subject.referenceEncode(page, base);
        const offset = n % 3 === 0 ? 0 : n % 64;
        for (const pageAtEnd of [true, false]) {
          const result = it.encode(page, base, bytes + 4096, offset, pageAtEnd);
          const where = `${kind}, ${bytes} bytes`;
          expect(result.status, where).toBe(expected ? expected.length : STATUS.OUTPUT_FULL);
          if (expected) expect(Buffer.compare(result.bytes, expected), where).toBe(0);
        }
        if (!expected) continue;
        const back = it.decode(expected, base, bytes, offset);
        expect(back.status, kind).toBe(bytes);
        expect(Buffer.compare(back.bytes, page), kind).toBe(0);
      }
  });

  test(`${name} keeps within every capacity, and returns OUTPUT_FULL when it is too small`, async () => {
    const it = await rig(subject);
    for (const bytes of [1, 7, 16, 64, 80, 144, 208, 272, 300])
      for (const [kind, page] of Object.entries(pageKinds(bytes, bytes))) {
        const base = baseOf(page, 3 + (bytes % 2));
        const expected = subject.referenceEncode(page, base);
        for (let capacity = 0; capacity < bytes + 150; capacity++) {
          const { status, bytes: got } = it.encode(page, base, capacity, capacity % 16);
          const fits = expected && expected.length <= capacity;
          expect(status, `${kind}, ${bytes} bytes into ${capacity}`).toBe(
            fits ? expected.length : STATUS.OUTPUT_FULL,
          );
          if (fits) expect(Buffer.compare(got, expected)).toBe(0);
        }
      }
    for (const [kind, page] of Object.entries(pageKinds(4096, 5))) {
      const base = baseOf(page, 4);
      const expected = subject.referenceEncode(page, base)!;
      for (
        let capacity = Math.max(0, expected.length - 100);
        capacity < expected.length + 300;
        capacity += 3
      ) {
        const { status } = it.encode(page, base, capacity);
        expect(status, `${kind} into ${capacity}`).toBe(
          expected.length <= capacity ? expected.length : STATUS.OUTPUT_FULL,
        );
      }
      for (let capacity = 0; capacity < expected.length; capacity += 61)
        expect(it.encode(page, base, capacity).status, kind).toBe(STATUS.OUTPUT_FULL);
    }
  });

  test(`${name} survives hostile input, with the results of its reference implementation`, async () => {
    const it = await rig(subject);
    const random = seeded(2024);
    const seen = new Set<number>();
    const check = (data: Uint8Array, from: Uint8Array, pageBytes: number) => {
      const base = new Uint8Array(pageBytes);
      base.set(from.subarray(0, pageBytes));
      const expected = subject.referenceDecode(data, pageBytes, base);
      const { status, bytes } = it.decode(data, base, pageBytes, random() % 16);
      seen.add(Math.min(0, status));
      expect(status).toBe(typeof expected === 'number' ? expected : pageBytes);
      if (typeof expected !== 'number') expect(Buffer.compare(bytes, expected)).toBe(0);
    };
    for (let round = 0; round < 6; round++)
      for (const bytes of [16, 64, 208, 400, 4096])
        for (const page of Object.values(pageKinds(bytes, round + 50))) {
          const base = baseOf(page, round);
          const data = subject.referenceEncode(page, base)!;
          for (let n = 0; n < 12; n++) check(mutated(data, random), base, bytes);
          check(data, base, bytes - 16);
          check(data, page, bytes + 16);
          check(data.subarray(0, random() % (data.length + 1)), base, bytes);
        }
    for (let n = 0; n < 3000; n++) {
      const bytes = 1 + (random() % 300);
      const small = random() & 1 ? 255 : 7;
      const data = Uint8Array.from({ length: random() % 200 }, () => random() & small);
      check(data, new Uint8Array(bytes), bytes);
    }
    expect(seen.has(STATUS.TRUNCATED) && seen.has(0), 'the inputs reach more than one end').toBe(true);
  });
}

function mutated(data: Uint8Array, random: () => number): Uint8Array {
  const copy = [...data];
  for (let n = random() % 3; n >= 0; n--) {
    const at = random() % (copy.length + 1);
    const kind = random() % 4;
    if (kind === 0) copy.splice(at, 1 + (random() % 4));
    else if (kind === 1) copy.splice(at, 0, random() & 255);
    else if (at < copy.length) copy[at] = kind === 2 ? random() & 255 : copy[at]! ^ (1 << (random() % 8));
  }
  return Uint8Array.from(copy);
}
