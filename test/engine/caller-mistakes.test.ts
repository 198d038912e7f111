// Mistakes in a caller's strategy, zstd and signal are one clear error, not a wrong stream.
import { expect, test } from 'vitest';
import { bytesSource, createEncoder, type Strategy, type Zstd } from '../../src/index.js';
import { guestImage } from '../support/images.js';
import { batchOf, liveSender } from '../support/live.js';
import { decoded, encoded, SMALL_ENCODER } from '../support/streams.js';

const PAGE = 4096;
const IMAGE = guestImage(PAGE, 3);
const pack: NonNullable<Strategy['pack']> = () => ({ name: 'lz4' });
const BASE: Strategy = { name: 'mine', choose: () => 'group', pack };
/** A strategy with a mistake that the types would report. */
const mistaken = (part: object): Strategy => ({ ...BASE, ...part });
const looks = (part: object) => () => ({ duplicates: true, similar: false, versions: false, ...part });

const MISTAKES: readonly (readonly [name: string, part: object, message: RegExp])[] = [
  ['choose returns nothing', { choose() {} }, /^unknown codec "undefined": expected one of raw, /],
  ['choose returns null', { choose: () => null }, /^unknown codec "null"/],
  ['uniformChoice', { uniformChoice: 'best' }, /^strategy "mine": uniformChoice is best, expected group,/],
  [
    'uniformChoice of looks',
    { looks: looks({ uniformChoice: 'zstd-page' }) },
    /^strategy "mine": uniformChoice is zstd-page/,
  ],
  ['looks returns nothing', { looks() {} }, /^strategy "mine": looks returned undefined, expected an object/],
  ['looks is async', { looks: async () => looks({})() }, /^strategy "mine": looks returned \{\}/],
  ['level', { pack: () => ({ name: 'zstd', level: 99 }) }, /pack returned .*"level":99.*levels 1 … 22/],
  ['second level', { pack: () => ({ name: 'zstd', secondLevel: 0.5 }) }, /levels 1 … 22/],
  [
    'expectedMs',
    { pack: () => ({ name: 'lz4', expectedMs: NaN }) },
    /expectedMs and expectedBytes 0 or more/,
  ],
  ['groupBytes', { groupBytes: () => NaN }, /^strategy "mine": groupBytes returned NaN, expected a number/],
  ['groupBytes below 0', { groupBytes: () => -5 }, /^strategy "mine": groupBytes returned -5/],
];

test.each(MISTAKES)('%s', async (_, part, message) => {
  const run = encoded([bytesSource(IMAGE, 'a')], { strategy: mistaken(part) });
  await expect(run).rejects.toMatchObject({ code: 'bad-argument', message: expect.stringMatching(message) });
});

test('a live sender refuses the result of looks too', async () => {
  const sender = await liveSender({ strategy: mistaken({ looks() {} }) });
  sender.begin('guest', 16);
  await expect((async () => batchOf(sender, IMAGE, [0, 1]))()).rejects.toMatchObject({
    message: expect.stringMatching(/^strategy "mine": looks returned undefined/),
  });
});

test.each([
  ['compress is async', 1, { compress: async (bytes: Uint8Array) => bytes }],
  ['compress returns other bytes', 1, { compress: () => new Uint8Array(5) }],
  ['compressAsync returns a number', 2, { compress: () => new Uint8Array(5), compressAsync: async () => 7 }],
])('zstd of a caller: %s', async (_, threads, functions) => {
  const zstd = { name: 'mine', decompress: () => new Uint8Array(0), ...functions } as unknown as Zstd;
  const run = encoded([bytesSource(IMAGE, 'a')], { strategy: 'fixed:zstd:3', zstd, threads });
  await expect(run).rejects.toMatchObject({
    code: 'bad-argument',
    message: expect.stringMatching(/^zstd "mine": compress returned no zstd frame that declares \d+ bytes$/),
  });
});

test.each([['x'], [{}], [null], [new AbortController()]])('a signal that is none: %s', async (value) => {
  const signal = value as unknown as AbortSignal;
  const message = expect.stringMatching(/^signal: expected an AbortSignal, got /);
  const wrong = { code: 'bad-argument', message };
  const pieces: Uint8Array[] = [];
  const output = (parts: readonly Uint8Array[]) => void pieces.push(...parts.map((part) => part.slice()));
  await expect(createEncoder(output, { ...SMALL_ENCODER, signal })).rejects.toMatchObject(wrong);
  const encoder = await createEncoder(output, SMALL_ENCODER);
  await expect(encoder.encode(bytesSource(IMAGE, 'a'), { signal })).rejects.toMatchObject(wrong);
  // The refused call has changed nothing.
  await encoder.encode(bytesSource(IMAGE, 'a'));
  await encoder.finish();
  expect(Buffer.compare((await decoded(new Uint8Array(Buffer.concat(pieces)))).images[0]!, IMAGE)).toBe(0);
});
