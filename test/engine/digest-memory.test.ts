// Memory for digests is bounded where no later image needs them.
import { expect, test } from 'vitest';
import type { PageSource } from '../../src/index.js';
import { guestImage, laterImage } from '../support/images.js';
import { pipeSource, SOURCE_KINDS } from '../support/sources.js';
import { decoded, encoded, encodedBy } from '../support/streams.js';

const PAGE = 4096;
/** Pages whose digests are kept together. */
const STEP_PAGES = 65_536;
const image = guestImage(PAGE, 3, 40);
const [first, second] = [new Uint8Array(PAGE), new Uint8Array(PAGE)].map((page, i) =>
  page.map((_, at) => at ^ i),
);

test('the last image is the same stream, for sources of every kind', async () => {
  const later = laterImage(image, PAGE, 2);
  for (const make of Object.values(SOURCE_KINDS)) {
    const images = () => [make(image, 'a'), make(later, 'b')] as const;
    const last = await encodedBy(async (encoder) => {
      const [a, b] = images();
      await encoder.encode(a);
      await encoder.encode(b, { isLast: true });
    });
    expect(Buffer.compare(last.bytes, (await encoded(images())).bytes)).toBe(0);
  }
});

/** A page twice at the start, and another one twice after the pages of which digests are kept. */
function farSource(): PageSource {
  const bytes = (STEP_PAGES + 2) * PAGE;
  const pages = [
    [0, first],
    [1, first],
    [STEP_PAGES, second],
    [STEP_PAGES + 1, second],
  ] as const;
  let next = 0;
  const readAt = (into: Uint8Array, position: number) => {
    const count = Math.min(into.length, bytes - position);
    into.fill(0, 0, count);
    for (const [number, content] of pages) {
      const at = number * PAGE - position;
      if (at >= 0 && at + PAGE <= count) into.set(content, at);
    }
    return count;
  };
  const read = (into: Uint8Array) => {
    const count = readAt(into, next);
    next += count;
    return count;
  };
  const skipZeros = (maxBytes: number) => {
    if (next < 2 * PAGE || next >= STEP_PAGES * PAGE) return 0;
    const count = Math.min(maxBytes, STEP_PAGES * PAGE - next);
    next += count;
    return count;
  };
  return { name: 'far', bytes, read, readAt, skipZeros };
}

test.each([
  [false, 2],
  [true, 1],
])('isLast %s: %i duplicates in an image that exceeds the index', async (isLast, duplicates) => {
  const options = { indexPages: 1024, strategy: 'fixed:raw', similar: false };
  const { bytes, summary } = await encodedBy((encoder) => encoder.encode(farSource(), { isLast }), options);
  expect(summary.codecs['same-as']?.pages).toBe(duplicates);
  const got = (await decoded(bytes)).images[0]!;
  const wanted = new Uint8Array(got.length);
  farSource().read(wanted);
  expect(Buffer.compare(got, wanted)).toBe(0);
});

test('an image is compared with the one before it, however many there are', async () => {
  const images = Array.from({ length: 80 }, (_, i) => laterImage(image, PAGE, i % 2));
  const { bytes, summary } = await encoded(images.map((content, i) => pipeSource(content, `${i}`)));
  for (const { codecs } of summary.images.slice(1)) expect(codecs.unchanged!.pages).toBeGreaterThan(5);
  const got = (await decoded(bytes)).images;
  expect(got.every((content, i) => Buffer.compare(content, images[i]!) === 0)).toBe(true);
});
