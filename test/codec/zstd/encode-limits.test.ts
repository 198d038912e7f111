import { beforeAll, expect, test } from 'vitest';
import { STATUS } from '../../../src/kernels/status.js';
import { bound, contentKinds, LEVELS, loadLibzstd, type TestEncoder, testEncoder } from './encoder.js';

let encoder: TestEncoder;

beforeAll(async () => {
  encoder = await testEncoder(300_000);
});

function frameOf(input: Uint8Array, level: number, options = {}): Uint8Array {
  const frame = encoder.encode(input, level, options);
  if (typeof frame === 'number') expect.unreachable(`level ${level}: status ${frame}`);
  return frame;
}

test.each(LEVELS)('level %i: every capacity of small inputs', async (level) => {
  for (const bytes of [0, 1, 15, 40, 300]) {
    for (const [name, input] of await contentKinds(bytes, bytes)) {
      const whole = frameOf(input, level);
      expect(whole.length).toBeLessThanOrEqual(bound(bytes));
      for (let capacity = 0; capacity <= bound(bytes); capacity++) {
        const result = encoder.encode(input, level, { capacity });
        if (capacity < whole.length) expect(result, `${name}, capacity ${capacity}`).toBe(STATUS.OUTPUT_FULL);
        else expect(Buffer.compare(result as Uint8Array, whole)).toBe(0);
      }
    }
  }
});

test.each(LEVELS)('level %i: one byte too few for pages and for several blocks', async (level) => {
  for (const bytes of [4096, 65536, 300_000]) {
    for (const [name, input] of await contentKinds(bytes, bytes + level)) {
      const whole = frameOf(input, level);
      for (const capacity of [whole.length - 1, whole.length >> 1])
        expect(encoder.encode(input, level, { capacity }), name).toBe(STATUS.OUTPUT_FULL);
      expect(Buffer.compare(frameOf(input, level, { capacity: whole.length }), whole), name).toBe(0);
    }
  }
});

test.each(LEVELS)('level %i: the bytes do not depend on scratch, slack or alignment', async (level) => {
  for (const bytes of [100, 4096, 65536, 300_000]) {
    for (const [name, input] of await contentKinds(bytes, bytes)) {
      const frame = frameOf(input, level, { dirt: 1 });
      const again = frameOf(input, level, { dirt: 2, shift: 13 });
      expect(Buffer.compare(frame, again), `${bytes} bytes of ${name}`).toBe(0);
    }
  }
});

test('random bytes are stored: a head, and three bytes a block', async () => {
  for (const bytes of [300, 4096, 65536, 300_000]) {
    const [, input] = (await contentKinds(bytes, 3)).find(([name]) => name === 'random')!;
    const headBytes = bytes < 65792 ? 7 : 9;
    for (const level of LEVELS)
      expect(frameOf(input, level).length).toBe(bytes + headBytes + 3 * Math.ceil(bytes / 131072));
  }
});

test('one repeated byte takes four bytes a block', () => {
  for (const level of LEVELS) expect(frameOf(new Uint8Array(300_000).fill(9), level).length).toBe(9 + 3 * 4);
});

const library = loadLibzstd();
if (typeof library === 'string') console.warn(`zstd: skipped the streams that libzstd decodes, ${library}`);

test.skipIf(typeof library === 'string').each(LEVELS)('level %i: blocks of a stream', async (level) => {
  const lib = library as Exclude<typeof library, string>;
  const { run, bytes } = encoder;
  const kinds = await contentKinds(20_000, level);
  const content = Uint8Array.from(kinds.flatMap(([, input]) => [...input]));
  for (const windowLog of [10, 14, 17]) {
    const window = 1 << windowLog;
    const scratch = 64;
    const out = 64 + run.zstdEncodeScratchBytes(level, Math.max(window, 131072));
    const frame: Uint8Array[] = [];
    const head = run.zstdEncodeBegin(out, 6, level, windowLog, windowLog & 1, scratch);
    expect(head).toBe(6);
    frame.push(bytes.slice(out, out + head));
    for (let at = 0, piece = 0; at < content.length; piece++) {
      const size = Math.min([1, 700, window, 131072, 0][piece % 5]!, window, content.length - at);
      const history = Math.min(at, window);
      // The history moves in memory from block to block.
      const src = out + 140_000 + 64 * (piece % 7);
      bytes.set(content.subarray(at - history, at + size), src);
      at += size;
      const isLast = at === content.length ? 1 : 0;
      const result = run.zstdEncodeBlock(src + history, size, history, isLast, out, size + 7, scratch);
      expect(result).toBeGreaterThan(0);
      frame.push(bytes.slice(out, out + result));
    }
    const decoded = lib.decode(Buffer.concat(frame), content.length);
    expect(Buffer.compare(decoded, content), `window 2^${windowLog}`).toBe(0);
  }
  expect(run.zstdEncodeBegin(0, 5, level, 17, 0, 64)).toBe(STATUS.OUTPUT_FULL);
  for (const windowLog of [9, 28])
    expect(run.zstdEncodeBegin(0, 6, level, windowLog, 0, 64)).toBe(STATUS.OUTPUT_FULL);
});
