import { beforeAll, describe, expect, test } from 'vitest';
import { STATUS } from '../../../src/kernels/status.js';
import { diceOf, joined } from '../../hostile/mutate.js';
import { makePage, PAGE_KINDS } from '../../hostile/pages.js';
import { agree, loadLibzstd, reference, type TestDecoder, testDecoder } from './decoder.js';

const MAX_BYTES = 3 << 20;
const libzstd = loadLibzstd();
if (typeof libzstd === 'string') console.warn(`zstd decoder tests are skipped: ${libzstd}`);
const lib = typeof libzstd === 'string' ? undefined : libzstd;

const LEVELS = Array.from({ length: 30 }, (_, i) => i - 7);
/** Pages of all kinds one after the other, so that blocks need every kind of table. */
function mixture(bytes: number, seed: number): Uint8Array {
  const dice = diceOf(seed, 'mixture', bytes);
  const content = new Uint8Array(bytes);
  for (let at = 0; at < bytes; ) {
    const part = makePage(
      dice.pick(PAGE_KINDS),
      Math.min(bytes - at, 1 + dice.below(dice.oneIn(3) ? 9000 : 600)),
      dice,
    );
    content.set(part, at);
    at += part.length;
  }
  return content;
}

let decoder: TestDecoder;
beforeAll(async () => {
  decoder = await testDecoder(MAX_BYTES);
});

function expectContent(
  frame: Uint8Array,
  content: Uint8Array,
  label: string,
  capacity = content.length,
): void {
  const decoded = decoder.decode(frame, capacity);
  if (!agree(decoded, content))
    expect.unreachable(`${label}: ${decoded instanceof Uint8Array ? 'other bytes' : `status ${decoded}`}`);
}

describe.skipIf(!lib)('frames of libzstd', () => {
  test('every size up to 300 bytes, at every level: the content, by kernel and reference', () => {
    for (let bytes = 0; bytes <= 300; bytes++) {
      const dice = diceOf(1, 'small', bytes);
      for (let n = 0; n < 4; n++) {
        const content = n === 0 ? mixture(bytes, 1) : makePage(dice.pick(PAGE_KINDS), bytes, dice);
        const level = LEVELS[(bytes + 8 * n) % LEVELS.length]!;
        const frame = lib!.compress(content, level, { checksum: dice.oneIn(2), unsized: dice.oneIn(2) });
        const label = `${bytes} bytes, level ${level}`;
        expectContent(frame, content, label, bytes + dice.below(40));
        if (!agree(reference(frame, bytes), content)) expect.unreachable(`reference: ${label}`);
      }
    }
  });

  test.each([4096, 65536])('%i bytes of every kind, at every level', (bytes) => {
    for (const level of LEVELS) {
      if (level > 16 && bytes > 4096 && level % 2) continue;
      for (const kind of [...PAGE_KINDS, 'mixture']) {
        const content =
          kind === 'mixture'
            ? mixture(bytes, level + 50)
            : makePage(kind, bytes, diceOf(level + 50, kind, bytes));
        const frame = lib!.compress(content, level, { checksum: level % 2 === 0 });
        expectContent(frame, content, `${kind}, level ${level}`);
        if (level % 5 === 0 && !agree(reference(frame, bytes), content))
          expect.unreachable(`reference: ${kind}, level ${level}`);
      }
    }
  });

  test('1 MiB at every fifth level, in blocks of any size', () => {
    const content = mixture(1 << 20, 9);
    for (const level of [-7, -2, 1, 3, 8, 13, 18])
      for (const blockBytes of [undefined, 1340, 9000]) {
        const frame = lib!.compress(content, level, { checksum: true, blockBytes, unsized: level === 3 });
        expectContent(frame, content, `level ${level}, blocks of ${blockBytes}`);
        if (level === 3 && !agree(reference(frame, content.length), content)) expect.unreachable('reference');
      }
  });

  test('sizes around those of blocks and headers', () => {
    for (const bytes of [65535, 65536, 65791, 65792, 131071, 131072, 131073, 262144, 262145, 400000]) {
      const content = mixture(bytes, 3);
      for (const level of [-3, 1, 4, 12])
        expectContent(lib!.compress(content, level, { checksum: true }), content, `${bytes}, level ${level}`);
    }
  });

  test('matches far away in a long window', () => {
    const part = mixture(300_000, 5);
    const noise = makePage('random', 2_000_000, diceOf(4, 'noise', 0));
    const content = joined(part, noise, part.subarray(1000));
    for (const windowLog of [21, 27, 30]) {
      const frame = lib!.compress(content, 3, { windowLog, checksum: true });
      expect(frame.length).toBeLessThan(noise.length + part.length);
      expectContent(frame, content, `window of 2^${windowLog}`);
    }
  });

  test('literals and matches of 65,539 bytes and more in one sequence', () => {
    const noise = makePage('random', 1 << 17, diceOf(6, 'noise', 0));
    const contents = {
      literals: joined(noise.subarray(0, 70_000), noise.subarray(0, 61_000)),
      match: joined(noise, noise),
    };
    for (const [label, content] of Object.entries(contents))
      for (const level of [1, 3, 9]) {
        const frame = lib!.compress(content, level, { checksum: true });
        expect(frame.length, `${label}, level ${level}`).toBeLessThan(content.length - 50_000);
        expectContent(frame, content, `${label}, level ${level}`);
      }
  });

  test('several frames, with skippable ones before, between and after them', () => {
    const parts = [mixture(5000, 1), new Uint8Array(0), mixture(70_000, 2)];
    const skippable = (type: number, bytes: number) =>
      joined(
        Uint8Array.of(0x50 + type, 0x2a, 0x4d, 0x18, bytes & 255, bytes >> 8, 0, 0),
        new Uint8Array(bytes),
      );
    const frames = parts.map((part, i) => lib!.compress(part, 1 + i, { checksum: i === 0 }));
    const input = joined(
      skippable(0, 0),
      frames[0]!,
      skippable(15, 700),
      frames[1]!,
      frames[2]!,
      skippable(7, 3),
    );
    const content = joined(...parts);
    expectContent(input, content, 'frames');
    expect(agree(reference(input, content.length), content)).toBe(true);
    expect(agree(lib!.decompress(input, content.length), content)).toBe(true);
    for (const cut of [1, 3, 10, 11, 12]) {
      const short = input.subarray(0, input.length - cut);
      expect(
        agree(decoder.decode(short, content.length), lib!.decompress(short, content.length)),
        `${cut}`,
      ).toBe(true);
    }
  });

  test('every capacity: the content, or OUTPUT_FULL and nothing past the capacity', () => {
    for (const [bytes, level] of [
      [90, 1],
      [400, 3],
      [700, 19],
    ] as const) {
      const content = mixture(bytes, level);
      const frame = lib!.compress(content, level);
      for (let capacity = 0; capacity < bytes; capacity++)
        expect(decoder.decode(frame, capacity), `${capacity} of ${bytes}`).toBe(STATUS.OUTPUT_FULL);
      for (let capacity = bytes; capacity < bytes + 70; capacity++)
        expectContent(frame, content, `${capacity} of ${bytes}`, capacity);
    }
  });

  test('a window above the limit, a dictionary and a wrong checksum have statuses of their own', () => {
    const content = mixture(200_000, 1);
    const frame = lib!.compress(content, 3, { windowLog: 17, unsized: true, checksum: true });
    expect(decoder.decode(frame, 200_000, 2 ** 17 - 1)).toBe(STATUS.WINDOW_LIMIT);
    expect(agree(decoder.decode(frame, 200_000, 2 ** 17), content)).toBe(true);
    const changed = frame.with(frame.length - 1, frame.at(-1)! ^ 1);
    expect(decoder.decode(changed, 200_000)).toBe(STATUS.BAD_CHECKSUM);
    const withDictionary = joined(
      frame.subarray(0, 4),
      Uint8Array.of(frame[4]! | 1, frame[5]!, 9),
      frame.subarray(6),
    );
    expect(decoder.decode(withDictionary, 200_000)).toBe(STATUS.DICTIONARY);
    const withDictionaryZero = withDictionary.with(6, 0);
    expect(agree(decoder.decode(withDictionaryZero, 200_000), content)).toBe(true);
  });
});
