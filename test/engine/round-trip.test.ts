import { describe, expect, test } from 'vitest';
import { CODECS } from '../../src/codec/registry.js';
import { bytesSource, type Strategy } from '../../src/index.js';
import { guestImage, laterImage } from '../support/images.js';
import { decoded, encoded } from '../support/streams.js';

const STRATEGIES = [
  'adaptive',
  'smallest',
  'characteristic',
  'mecom',
  ...CODECS.map(({ name }) => `fixed:${name}`),
  'fixed:zstd:1',
  'fixed:zstd:19',
];
/** Nothing about them depends on the size of a page, or only their time. */
const SAME_AT_ANY_SIZE = new Set([
  'fixed:zero',
  'fixed:fill',
  'fixed:same-as',
  'fixed:unchanged',
  'fixed:zstd',
  'fixed:zstd:19',
]);
/** Neither the pages' contents nor the choice of codec depends on the clock. */
const clock = () => 0;

/** Three versions of one guest, the last of them larger by a part of a page. */
function versions(pageBytes: number): Uint8Array[] {
  const first = guestImage(pageBytes, 1, pageBytes - 7);
  const second = laterImage(first, pageBytes, 2);
  const third = new Uint8Array(
    Buffer.concat([laterImage(second, pageBytes, 3), guestImage(pageBytes, 9, 5)]),
  );
  return [first, second, third];
}

const same = (a: Uint8Array | undefined, b: Uint8Array | undefined) => Buffer.compare(a!, b!) === 0;

describe.each([4096, 16384, 65536])('pages of %d bytes', (pageBytes) => {
  const images = versions(pageBytes);
  const sources = () => images.map((bytes, i) => bytesSource(bytes, `version ${i}`));

  test.each(pageBytes === 4096 ? STRATEGIES : STRATEGIES.filter((name) => !SAME_AT_ANY_SIZE.has(name)))(
    '%s: what goes in comes out, on one thread and on two',
    async (strategy) => {
      const one = await encoded(sources(), {
        pageBytes,
        strategy,
        clock,
        zstd: undefined,
        deltaBudgetBytes: 0,
      });
      const two = await encoded(sources(), {
        pageBytes,
        strategy,
        clock,
        zstd: undefined,
        deltaBudgetBytes: 0,
        threads: 2,
      });
      for (const { bytes, summary } of [one, two]) {
        const { images: back, names, summary: decode } = await decoded(bytes, { zstd: undefined });
        expect(names).toEqual(['version 0', 'version 1', 'version 2']);
        expect(back.map((image, i) => same(image, images[i]))).toEqual([true, true, true]);
        expect(decode.images.map(({ digest }) => digest)).toEqual(summary.images.map(({ digest }) => digest));
        expect(summary.bytesIn).toBe(decode.bytesOut);
        expect(summary.bytesOut).toBe(bytes.length);
        expect(decode.bytesIn).toBe(bytes.length);
      }
      if (strategy !== 'adaptive') expect(same(one.bytes, two.bytes), 'threads change no byte').toBe(true);
    },
  );

  test('pages of a base image are sent as references', async () => {
    const [base, first, second] = images as [Uint8Array, Uint8Array, Uint8Array];
    for (const threads of [1, 2]) {
      const bases = [bytesSource(base, 'base')];
      const options = { pageBytes, threads, strategy: 'smallest' };
      const alone = await encoded([bytesSource(first, 'a'), bytesSource(second, 'b')], options);
      const { bytes, summary } = await encoded([bytesSource(first, 'a'), bytesSource(second, 'b')], {
        ...options,
        bases,
      });
      expect(bytes.length).toBeLessThan(alone.bytes.length);
      expect(summary.images.map(({ image, name }) => [image, name])).toEqual([
        [0, 'a'],
        [1, 'b'],
      ]);
      const { images: back } = await decoded(bytes, { bases });
      expect(same(back[0], first) && same(back[1], second)).toBe(true);
    }
  });
});

test('the same input gives the same bytes', async () => {
  const images = versions(4096);
  const sources = () => images.map((bytes, i) => bytesSource(bytes, `version ${i}`));
  for (const strategy of [
    'smallest',
    'fixed:lz4',
    'fixed:zstd:3',
    'mecom',
    'characteristic',
    'fixed:xbzrle',
  ]) {
    const [a, b] = [
      await encoded(sources(), { strategy, zstd: undefined }),
      await encoded(sources(), { strategy, zstd: undefined }),
    ];
    expect(same(a.bytes, b.bytes), strategy).toBe(true);
  }
});

test('a stream is read in pieces of any size', async () => {
  const image = guestImage(4096, 4, 100);
  const { bytes } = await encoded([bytesSource(image, 'a')], { strategy: 'smallest' });
  for (const pieceBytes of [1, 7, 24, 1000, 65536]) {
    const { images } = await decoded(bytes, {}, pieceBytes);
    expect(same(images[0], image), `${pieceBytes} bytes at a time`).toBe(true);
  }
});

test('images of many frames: several groups, several chunks', async () => {
  const part = guestImage(4096, 5);
  const image = new Uint8Array(5 << 20);
  for (let at = 0, n = 0; at < image.length; at += part.length, n++) {
    const piece = part.subarray(0, Math.min(part.length, image.length - at));
    image.set(piece, at);
    // No two parts alike, so that most pages need bytes.
    for (let k = at; k < at + piece.length; k += 512) image[k]! ^= n;
  }
  const strategy: Strategy = {
    name: 'small groups',
    choose: () => 'group',
    pack: () => ({ name: 'lz4' }),
    groupBytes: () => 100_000,
  };
  for (const threads of [1, 2]) {
    const { bytes } = await encoded([bytesSource(image, 'large')], {
      strategy,
      threads,
      similar: false,
      dedup: false,
    });
    const { images } = await decoded(bytes, {}, 300_000);
    expect(same(images[0], image)).toBe(true);
  }
});
