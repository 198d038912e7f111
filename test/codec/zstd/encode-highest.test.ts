// The levels from 16 on, which are slow: fewer and smaller inputs than for the other levels.
import { beforeAll, describe, expect, test } from 'vitest';
import { seeded } from '../../support/kernels.js';
import { contentKinds, HIGHEST_LEVEL, loadLibzstd, type TestEncoder, testEncoder } from './encoder.js';

const KIB = 1024;
const library = loadLibzstd();
if (typeof library === 'string') console.warn(`zstd: skipped the highest levels, ${library}`);

describe.skipIf(typeof library === 'string')('libzstd and our decoder decode the highest levels', () => {
  const lib = library as Exclude<typeof library, string>;
  let encoder: TestEncoder;

  beforeAll(async () => {
    encoder = await testEncoder(2 * KIB * KIB);
  });

  /** Encode, check that both decoders return the input, and return the bytes of the frame. */
  function check(name: string, input: Uint8Array, level = HIGHEST_LEVEL): number {
    const frame = encoder.encode(input, level);
    if (typeof frame === 'number') expect.unreachable(`${name}: status ${frame}`);
    for (const decoded of [lib.decode(frame, input.length), encoder.decode(frame, input.length)])
      if (typeof decoded === 'number' || Buffer.compare(decoded, input) !== 0)
        expect.unreachable(`${name}, ${input.length} bytes: decoded ${decoded}`);
    return frame.length;
  }

  test('kinds of content, of one block and of several', async () => {
    for (const bytes of [17, 1000, 4097, 65_537, 140_000])
      for (const [name, input] of await contentKinds(bytes, bytes)) check(name, input, 16);
  });

  test('a block of matches of three bytes: more sequences than a quarter of its bytes', () => {
    const input = new Uint8Array(128 * KIB);
    const random = seeded(3);
    const offsets = [6000, 6006];
    // Each offset is used for long once, so that it is one of the last three from there on.
    const ends = [6600, 6720, 6840];
    for (let at = 0; at < input.length; at++) {
      const which = at < ends[1]! ? 0 : at < ends[2]! ? 1 : Math.floor(at / 3) & 1;
      input[at] = at < ends[0]! ? random() : input[at - offsets[which]!]!;
    }
    expect(check('matches of three bytes', input)).toBeLessThan(8000);
  });

  test('a match that is farther away than the tree reaches', async () => {
    const random = seeded(5);
    const part = Uint8Array.from({ length: 128 * KIB }, () => random());
    // Blocks of one byte are not searched, so that the test is fast.
    const input = new Uint8Array(8 * KIB * KIB + 2 * part.length);
    input.set(part);
    input.set(part, input.length - part.length);
    const run = await testEncoder(input.length);
    const frame = run.encode(input, HIGHEST_LEVEL) as Uint8Array;
    expect(frame.length).toBeLessThan(129 * KIB);
    expect(Buffer.compare(lib.decode(frame, input.length), input)).toBe(0);
  });

  test('more matches than the lists of a block have space for', () => {
    const random = seeded(9);
    const bytes = 256 * KIB;
    // Words of two values, each in many places: a position has ten matches and more, of a byte more each.
    const input = Uint8Array.from({ length: bytes }, () => (random() & 1) + 97);
    expect(check('two values', input)).toBeLessThan(0.15 * bytes);
  });

  test('prices before a block do not depend on the scratch: a first block of one byte, or of few', () => {
    for (const first of [16, 128 * KIB]) {
      const random = seeded(first);
      const input = Uint8Array.from({ length: 160 * KIB }, (_, i) => (i < first ? 0 : random() % 11));
      const frames = [1, 2, 3].map((dirt) => encoder.encode(input, HIGHEST_LEVEL, { dirt }) as Uint8Array);
      for (const frame of frames) expect(Buffer.compare(frame, frames[0]!)).toBe(0);
      check('a first block of one byte', input);
    }
  });

  test('halves of a block that have little in common are blocks with tables of their own', () => {
    const random = seeded(7);
    const words = (first: number) =>
      Array.from({ length: 300 }, () =>
        Array.from({ length: 3 + (random() % 9) }, () => first + (random() % 60)),
      );
    const halves = [words(0), words(180)];
    const input = new Uint8Array(128 * KIB);
    for (let at = 0; at < input.length; ) {
      const word = halves[at < input.length / 2 ? 0 : 1]![random() % 300]!;
      input.set(word.slice(0, input.length - at), at);
      at += word.length;
    }
    check('halves', input);
    const frame = encoder.encode(input, HIGHEST_LEVEL) as Uint8Array;
    let blocks = 0;
    // The head of a frame of this size has 9 bytes; no block here is one repeated byte.
    for (let at = 9; at < frame.length; blocks++)
      at += 3 + ((frame[at]! | (frame[at + 1]! << 8) | (frame[at + 2]! << 16)) >>> 3);
    expect(blocks).toBeGreaterThan(1);
  });
});
