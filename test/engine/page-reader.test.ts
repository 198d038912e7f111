// Reading single pages of packed files: every page of every image, in any order, must be what a decoder
// gives.
import { describe, expect, test } from 'vitest';
import { digestText } from '../../src/dedup/image-digest.js';
import {
  bytesSink,
  bytesSource,
  loadZstd,
  openPages,
  PageferryError,
  type PageReader,
  type PageSource,
} from '../../src/index.js';
import type { Strategy } from '../../src/strategy/strategy.js';
import { guestImage, laterImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';
import { pipeSource } from '../support/sources.js';
import { decoded, encoded, SMALL_DECODER, watchedSink } from '../support/streams.js';

const PAGE = 4096;
const zstd = await loadZstd();

/** Frames of a few pages each, so that a small image has many. */
const smallFrames = (packing: 'lz4' | 'zstd' | 'raw'): Strategy => ({
  name: 'small frames',
  choose: (page) =>
    page.hasVersion && page.measure('xbzrle') < 2000
      ? 'xbzrle'
      : page.hasSimilar && page.measure('similar') < 2000
        ? 'similar'
        : 'group',
  pack: () => ({ name: packing }),
  groupBytes: () => 4 * PAGE,
});

const open = (stream: Uint8Array, options = {}) =>
  openPages(bytesSource(stream, 'a.pf'), { ...SMALL_DECODER, ...options });
const pageOf = (image: Uint8Array, page: number, pageBytes: number) =>
  image.subarray(page * pageBytes, (page + 1) * pageBytes);

async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    expect(error).toBeInstanceOf(PageferryError);
    return `${(error as PageferryError).code}: ${(error as PageferryError).message}`;
  }
  return 'taken';
}

/** Every page of every image, shuffled, twice as often as there are pages. */
function readShuffled(pages: PageReader, images: readonly Uint8Array[], pageBytes: number): void {
  const random = seeded(images.length);
  for (let n = 0; n < 2 * images.reduce((sum, { length }) => sum + length / pageBytes, 0); n++) {
    const number = random() % images.length;
    const image = images[number]!;
    const count = Math.ceil(image.length / pageBytes);
    if (count === 0) continue;
    const page = n % 7 === 0 ? count - 1 : random() % count;
    const found = pages.read(number, page);
    if (Buffer.compare(found, pageOf(image, page, pageBytes)) !== 0)
      throw new Error(`image ${number}, page ${page} is another`);
  }
}

/** Three versions of a guest, its last page partial, and an image that ends elsewhere. */
function versions(pageBytes: number, seed: number): Uint8Array[] {
  const first = guestImage(pageBytes, seed, 100);
  const second = laterImage(first, pageBytes, seed + 1);
  const third = laterImage(second, pageBytes, seed + 2);
  return [
    first,
    second,
    new Uint8Array(0),
    third,
    third.slice(0, 3 * pageBytes + 1),
    new Uint8Array(5 * pageBytes + 7),
  ];
}

describe.each([4096, 16384, 65536])('pages of %i bytes', (pageBytes) => {
  test.each(['adaptive', 'smallest', 'fixed:wkdm', 'characteristic'])(
    '%s: every page of every version',
    async (strategy) => {
      const images = versions(pageBytes, 3);
      const sources = images.map((image, i) =>
        i === 3 ? pipeSource(image, 'piped') : bytesSource(image, `image ${i}`),
      );
      const { bytes } = await encoded(sources, { strategy, pageBytes });
      const pages = await open(bytes);
      expect(pages.pageBytes).toBe(pageBytes);
      expect(pages.images.map(({ name, bytes, pages }) => ({ name, bytes, pages }))).toEqual(
        sources.map(({ name }, i) => ({
          name,
          bytes: images[i]!.length,
          pages: Math.ceil(images[i]!.length / pageBytes),
        })),
      );
      readShuffled(pages, images, pageBytes);
      for (const [number, image] of images.entries()) {
        const sink = bytesSink();
        expect(await pages.extract(number, sink)).toBe(image.length);
        expect(Buffer.compare(sink.take(), image)).toBe(0);
      }
    },
  );
});

describe('many frames', () => {
  // Without a zstd at hand there is nothing to test of it.
  test.each(zstd ? (['raw', 'lz4', 'zstd'] as const) : (['raw', 'lz4'] as const))(
    'packed by %s, with a cache of one frame and of all',
    async (packing) => {
      const options = packing === 'zstd' ? { zstd: zstd! } : { zstd: null };
      const images = versions(PAGE, 5);
      const sources = images.map((image, i) => bytesSource(image, `image ${i}`));
      const { bytes } = await encoded(sources, { strategy: smallFrames(packing), ...options });
      for (const cacheBytes of [0, 30_000, 1 << 26])
        readShuffled(await open(bytes, { cacheBytes, ...options }), images, PAGE);
    },
  );

  test('reading a page reads the frames that it needs and no more', async () => {
    const image = new Uint8Array(400 * PAGE);
    const random = seeded(1);
    for (let i = 0; i < image.length; i++) image[i] = random();
    const { bytes } = await encoded([bytesSource(image, 'random')], { strategy: smallFrames('raw') });
    let asked = 0;
    const counting: PageSource = {
      ...bytesSource(bytes, 'a.pf'),
      readAt(into, position) {
        asked += into.length;
        return bytesSource(bytes, '').readAt!(into, position);
      },
    };
    const pages = await openPages(counting, SMALL_DECODER);
    expect(asked).toBeLessThan(20_000);
    asked = 0;
    for (const page of [250, 251, 0, 399])
      expect(Buffer.compare(pages.read(0, page), pageOf(image, page, PAGE))).toBe(0);
    expect(asked).toBeLessThan(4 * 5 * PAGE);
    asked = 0;
    pages.read(0, 250);
    expect(asked).toBe(0);
  });

  test('ranges come from their start, zero pages announced', async () => {
    const image = versions(PAGE, 9)[0]!;
    const { bytes } = await encoded([bytesSource(image, 'a')], { strategy: smallFrames('lz4') });
    const pages = await open(bytes);
    const count = Math.ceil(image.length / PAGE);
    for (const [first, length] of [
      [0, 1],
      [3, 4],
      [count - 1, 1],
      [0, count],
      [2, 0],
      [count, 0],
      [5, count - 5],
    ] as const) {
      const sink = bytesSink();
      const part = image.subarray(first * PAGE, (first + length) * PAGE);
      expect(await pages.extract(0, sink, { first, count: length })).toBe(part.length);
      expect(Buffer.compare(sink.take(), part)).toBe(0);
    }
    const rest = bytesSink();
    await pages.extract(0, rest, { first: 2 });
    expect(Buffer.compare(rest.take(), image.subarray(2 * PAGE))).toBe(0);
  });
});

describe('base images', () => {
  const base = guestImage(PAGE, 21, 50);
  const later = laterImage(base, PAGE, 22);
  const sources = () => ({ bases: [bytesSource(base, 'base')] });

  test('are found by their digest among those given', async () => {
    const { bytes } = await encoded([bytesSource(later, 'later')], { ...sources(), strategy: 'smallest' });
    const other = bytesSource(later, 'another');
    const pages = await open(bytes, { bases: [other, bytesSource(base, 'under another name')] });
    readShuffled(pages, [later], PAGE);
    expect(pages.images.map(({ name }) => name)).toEqual(['later']);
    expect((await decoded(bytes, sources())).images[0]).toEqual(new Uint8Array(later));
  });

  test('that are missing or another are asked for by the pages that need them, by name and digest', async () => {
    const { bytes } = await encoded([bytesSource(later, 'later')], { ...sources(), strategy: 'smallest' });
    const { summary } = await encoded([bytesSource(base, 'base')]);
    const wrong = digestText((await encoded([bytesSource(later, 'a')])).summary.images[0]!.digest);
    for (const [given, bases] of [
      ['none', []],
      [`wrong (${wrong})`, [bytesSource(later, 'wrong')]],
    ] as const) {
      const pages = await open(bytes, { bases });
      const sink = watchedSink();
      expect(await refusal(() => pages.extract(0, sink))).toBe(
        `wrong-base: needs the base image "base" with digest ${digestText(summary.images[0]!.digest)}; given: ${given}`,
      );
      expect([sink.finished, sink.aborted]).toEqual([0, 1]);
      const readable = Array.from({ length: pages.images[0]!.pages }, (_, page) => page).filter((page) => {
        try {
          return Buffer.compare(pages.read(0, page), pageOf(later, page, PAGE)) === 0;
        } catch {
          return false;
        }
      });
      expect(readable.length).toBeGreaterThan(0);
    }
  });

  test('that only read in order are refused', async () => {
    const { bytes } = await encoded([bytesSource(later, 'later')], sources());
    expect(await refusal(() => open(bytes, { bases: [pipeSource(base, 'pipe')] }))).toMatch(
      /^bad-argument: pipe: a base image is read at any position/,
    );
  });
});

test('what is not there is refused with what is', async () => {
  const image = guestImage(PAGE, 4, 9);
  const count = Math.ceil(image.length / PAGE);
  const { bytes } = await encoded([bytesSource(image, 'a'), bytesSource(new Uint8Array(0), 'empty')]);
  const pages = await open(bytes);
  for (const page of [-1, count, 1.5, Number.NaN, Infinity, 2 ** 53])
    expect(await refusal(() => pages.read(0, page))).toBe(
      `bad-argument: page ${page} of image 0: the image has ${count} pages`,
    );
  expect(await refusal(() => pages.read(1, 0))).toBe(
    'bad-argument: page 0 of image 1: the image has 0 pages',
  );
  for (const number of [2, -1, 0.5, Number.NaN]) {
    expect(await refusal(() => pages.read(number, 0))).toBe(
      `bad-argument: image ${number}: the file has 2 images`,
    );
    const sink = watchedSink();
    expect(await refusal(() => pages.extract(number, sink))).toMatch(/^bad-argument: image/);
    expect([sink.finished, sink.aborted]).toEqual([0, 1]);
  }
  for (const [first, length] of [
    [-1, 2],
    [0, count + 1],
    [count, 1],
    [0.5, 1],
    [0, Number.NaN],
    [3, -1],
  ] as const) {
    const sink = watchedSink();
    expect(await refusal(() => pages.extract(0, sink, { first, count: length }))).toMatch(
      /^bad-argument: pages .* of image 0: the image has/,
    );
    expect([sink.finished, sink.aborted]).toEqual([0, 1]);
  }
  expect(await refusal(() => openPages(pipeSource(bytes, 'pipe'), SMALL_DECODER))).toMatch(
    /^bad-argument: pipe: single pages/,
  );
  expect(await refusal(() => open(bytes, { maxFrameBytes: 1 << 20 }))).toMatch(
    /^limit: stream header: frames of up to \d+ bytes/,
  );
  expect(await refusal(() => open(bytes, { maxFrameBytes: 1.5 }))).toMatch(/^bad-argument: maxFrameBytes/);
});

test('a sink that fails is aborted, and its error is thrown', async () => {
  const { bytes } = await encoded([bytesSource(guestImage(PAGE, 4), 'a')]);
  const pages = await open(bytes);
  for (const part of ['write', 'zero', 'finish'] as const) {
    const sink = watchedSink();
    const failing = {
      ...sink,
      [part]: () => {
        throw new Error(`no ${part}`);
      },
      abort: () => sink.abort(),
    };
    await expect(pages.extract(0, failing)).rejects.toThrow(`no ${part}`);
    expect(sink.aborted).toBe(1);
  }
});
