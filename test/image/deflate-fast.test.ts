// The own encoder of zlib's level 1 writes the bytes of zlib, which QEMU and makedumpfile use.
import { createRequire } from 'node:module';
import zlib from 'node:zlib';
import { expect, test } from 'vitest';
import { FastDeflate } from '../../src/image/compression/zlib/deflate-fast.js';
import { sampleMemory } from '../hostile/image-samples.js';
import { diceOf } from '../hostile/mutate.js';
import { randomBytes } from './support.js';

const LEVEL = 1;

/** zlib's compress2; undefined without the library. */
function systemZlib(): ((page: Uint8Array) => Uint8Array) | undefined {
  try {
    // Node exports functions of its own zlib under the same names: the library has to use its own (deep).
    const library = createRequire(import.meta.url)('koffi').load('libz.so.1', { deep: true });
    if (!/^1\.[23]\.[\d.]+$/.test(library.func('const char *zlibVersion()')())) return undefined;
    const compress2 = library.func(
      'int compress2(_Out_ uint8_t *out, _Inout_ size_t *size, const uint8_t *in, size_t bytes, int level)',
    );
    return (page) => {
      const out = new Uint8Array(2 * page.length + 100);
      const size = [out.length];
      if (compress2(out, size, page, page.length, LEVEL) !== 0) throw new Error('compress2');
      return out.subarray(0, size[0]);
    };
  } catch {
    return undefined;
  }
}

/** Pages of text, noise, words, long and short repetitions. */
function* pages(): Generator<Uint8Array> {
  for (const bytes of [1, 2, 3, 4, 100, 4095, 4096, 8192, 16384]) {
    yield new Uint8Array(bytes);
    yield new Uint8Array(bytes).fill(7);
    yield randomBytes(bytes, bytes);
  }
  const dice = diceOf(1, 'deflate', 0);
  for (let i = 0; i < 300; i++) {
    yield sampleMemory(dice, 1);
    const page = new Uint8Array(dice.pick([4096, 4096, 4096, 16384]));
    const symbols = 1 + dice.below(256);
    const skew = 1 + dice.below(4);
    for (let at = 0; at < page.length; at++) {
      const value = Math.floor((dice.word() / 2 ** 32) ** skew * symbols);
      page[at] = dice.oneIn(1 + dice.below(20)) ? value : page[Math.max(0, at - 1 - dice.below(40))]!;
    }
    yield page;
  }
}

const reference = systemZlib();
if (!reference) console.log('skipped: the bytes of zlib: libz.so.1 or koffi is not installed');

test('every page is inflated to itself, and has the bytes of zlib where that is installed', () => {
  const encoder = new FastDeflate();
  const out = new Uint8Array(40_000);
  const seen = { encoded: 0, declined: 0 };
  for (const page of pages()) {
    const count = encoder.encode(page, out);
    const expected = reference?.(page);
    if (count < 0) {
      // zlib stores such a page, or divides it.
      seen.declined++;
      if (expected) expect(expected.length).toBeGreaterThan(page.length - 10);
      continue;
    }
    seen.encoded++;
    const code = out.subarray(0, count);
    expect(Buffer.compare(zlib.inflateSync(code), page)).toBe(0);
    if (expected) expect(Buffer.compare(code, expected)).toBe(0);
  }
  expect(seen.encoded).toBeGreaterThan(400);
  expect(seen.declined).toBeGreaterThan(0);
});

test('an output that is too small is declined, and nothing is written past it', () => {
  const encoder = new FastDeflate();
  const page = new Uint8Array(4096).map((_, i) => (i * i) >> 4);
  const whole = encoder.encode(page, new Uint8Array(8192));
  expect(whole).toBeGreaterThan(100);
  expect(encoder.encode(page, new Uint8Array(whole))).toBe(whole);
  for (const capacity of [0, 1, 2, 50, whole - 1])
    expect(encoder.encode(page, new Uint8Array(capacity))).toBe(-1);
});
