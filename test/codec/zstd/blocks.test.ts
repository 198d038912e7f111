import { beforeAll, describe, expect, test } from 'vitest';
import { ZSTD_LAYOUT } from '../../../src/kernels/layout.generated.js';
import { STATUS } from '../../../src/kernels/status.js';
import { diceOf, joined } from '../../hostile/mutate.js';
import { makePage, PAGE_KINDS } from '../../hostile/pages.js';
import { loadLibzstd, type TestDecoder, testDecoder } from './decoder.js';

const libzstd = loadLibzstd();
if (typeof libzstd === 'string') console.warn(`tests of zstd blocks are skipped: ${libzstd}`);
const lib = typeof libzstd === 'string' ? undefined : libzstd;
const MAX_HEADER_BYTES = 18;

let decoder: TestDecoder;
let words: DataView;
beforeAll(async () => {
  decoder = await testDecoder(2 << 20);
  words = new DataView(decoder.bytes.buffer);
});
const field = (name: 'ZSTD_FRAME_MAX_BLOCK_BYTES' | 'ZSTD_BLOCK_IS_LAST' | 'ZSTD_FRAME_HAS_CHECKSUM') =>
  words.getUint32(decoder.scratch + ZSTD_LAYOUT[name], true);

/**
 * Decode a frame as a stream does: each call gets no more than it needs, and the buffer holds the window and
 * one block. Return the content or a status.
 */
function decodeStream(frame: Uint8Array): Uint8Array | number {
  const { run, bytes, scratch } = decoder;
  const src = Math.ceil((scratch + ZSTD_LAYOUT.ZSTD_DECODE_SCRATCH_BYTES) / 64) * 64 + 64;
  const history = src + ZSTD_LAYOUT.ZSTD_MAX_BLOCK_BYTES + 128;
  const give = (at: number, count: number) => {
    bytes.set(frame.subarray(at, at + count), src);
    return Math.min(count, frame.length - at);
  };
  let headerBytes: number = STATUS.TRUNCATED;
  for (let given = 1; headerBytes === STATUS.TRUNCATED && given <= MAX_HEADER_BYTES; given++)
    headerBytes = run.zstdDecodeHeader(src, give(0, given), 2 ** 27, scratch);
  if (headerBytes < 0) return headerBytes;
  const window = Number(words.getBigUint64(scratch + ZSTD_LAYOUT.ZSTD_FRAME_WINDOW_BYTES, true));
  const maxBlock = field('ZSTD_FRAME_MAX_BLOCK_BYTES');
  const parts: Uint8Array[] = [];
  let at = headerBytes;
  let held = 0;
  do {
    const blockBytes = run.zstdBlockBytes(src, give(at, 3), scratch);
    if (blockBytes < 0) return blockBytes;
    const given = give(at, blockBytes);
    const decoded = run.zstdDecodeBlock(src, given, history + held, maxBlock, held, scratch);
    if (decoded < 0) return decoded;
    parts.push(bytes.slice(history + held, history + held + decoded));
    at += blockBytes;
    held += decoded;
    if (held > window) {
      bytes.copyWithin(history, history + held - window, history + held);
      held = window;
    }
  } while (field('ZSTD_BLOCK_IS_LAST') === 0);
  const checksumBytes = field('ZSTD_FRAME_HAS_CHECKSUM') * 4;
  const endBytes = run.zstdDecodeEnd(src, give(at, checksumBytes), scratch);
  if (endBytes < 0) return endBytes;
  expect(at + endBytes).toBe(frame.length);
  return joined(...parts);
}

function content(bytes: number, seed: number): Uint8Array {
  const dice = diceOf(seed, 'blocks', bytes);
  const parts: Uint8Array[] = [];
  for (let left = bytes; left > 0; left -= parts.at(-1)!.length)
    parts.push(makePage(dice.pick(PAGE_KINDS), Math.min(left, 1 + dice.below(3000)), dice));
  return joined(...parts);
}

describe.skipIf(!lib)('a frame block by block', () => {
  test.each([10, 11, 14, 17, 20])('with a window of 2^%i bytes', (windowLog) => {
    const bytes = content(700_000, windowLog);
    for (const level of [-4, 1, 3, 9, 16])
      for (const blockBytes of [undefined, 1340]) {
        const options = { windowLog, blockBytes, checksum: level > 0, unsized: level % 2 === 1 };
        const frame = lib!.compress(bytes, level, options);
        const decoded = decodeStream(frame);
        if (typeof decoded === 'number') expect.unreachable(`level ${level}: status ${decoded}`);
        else expect(Buffer.compare(decoded, bytes), `level ${level}`).toBe(0);
      }
  });

  test('of few bytes, in one segment', () => {
    for (const size of [0, 1, 2, 255, 256, 70_000]) {
      const bytes = content(size, 3);
      const decoded = decodeStream(lib!.compress(bytes, 3, { checksum: true }));
      expect(typeof decoded === 'number' ? decoded : Buffer.compare(decoded, bytes), `${size}`).toBe(0);
    }
  });

  test('that is damaged ends with a status', () => {
    const frame = lib!.compress(content(9000, 1), 3, { checksum: true });
    const statuses = new Set<number>();
    for (let at = 0; at < frame.length; at += 7) {
      const result = decodeStream(frame.with(at, frame[at]! ^ 0x41));
      statuses.add(typeof result === 'number' ? result : 0);
    }
    // Only a change of unused bits passes, and there are none.
    expect(statuses.has(0)).toBe(false);
    expect(statuses.has(STATUS.BAD_HEADER)).toBe(true);
    expect(statuses.has(STATUS.BAD_CHECKSUM)).toBe(true);
  });
});

test('a skippable frame is announced, and skipped by the caller', () => {
  const { run, bytes, scratch } = decoder;
  const src = bytes.length - 4096;
  bytes.set([0x5a, 0x2a, 0x4d, 0x18, 0x10, 0x27, 0, 0], src);
  for (let given = 0; given < 8; given++)
    expect(run.zstdDecodeHeader(src, given, 0, scratch), `${given} bytes`).toBe(STATUS.TRUNCATED);
  expect(run.zstdDecodeHeader(src, 8, 0, scratch)).toBe(8);
  expect(words.getUint32(scratch + ZSTD_LAYOUT.ZSTD_FRAME_IS_SKIPPABLE, true)).toBe(1);
  expect(words.getBigUint64(scratch + ZSTD_LAYOUT.ZSTD_FRAME_CONTENT_BYTES, true)).toBe(10_000n);
});
