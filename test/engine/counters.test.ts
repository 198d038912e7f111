import { describe, expect, test } from 'vitest';
import { CODECS } from '../../src/codec/registry.js';
import { bytesSource, type CodecCounts, type StreamSummary } from '../../src/index.js';
import { guestImage, laterImage } from '../support/images.js';
import { decoded, encoded } from '../support/streams.js';

const PAGE = 4096;
const first = guestImage(PAGE, 1, 99);
const second = laterImage(first, PAGE, 2);
const sources = () => [
  bytesSource(first, 'a'),
  bytesSource(second, 'b'),
  bytesSource(new Uint8Array(0), 'c'),
];

const sum = (counts: Partial<CodecCounts>, unit: 'pages' | 'bytes') =>
  Object.values(counts).reduce((all, count) => all + count[unit], 0);

function expectAddUp(summary: StreamSummary, stream: Uint8Array): void {
  const { images, codecs, bytesIn, bytesOut, pages } = summary;
  expect(bytesOut).toBe(stream.length);
  expect(bytesIn).toBe(images.reduce((all, image) => all + image.bytesIn, 0));
  expect(pages).toBe(images.reduce((all, image) => all + image.pages, 0));
  for (const image of images) {
    expect(image.pages).toBe(Math.ceil(image.bytesIn / PAGE));
    expect(sum(image.codecs, 'pages')).toBe(image.pages);
    expect(sum(image.codecs, 'bytes')).toBeLessThanOrEqual(image.bytesOut);
    expect(image.duplicatesInside + image.duplicatesBetween).toBe(image.codecs['same-as']?.pages ?? 0);
  }
  // Records beside the frames belong to no image.
  expect(images.reduce((all, image) => all + image.bytesOut, 0)).toBeLessThan(bytesOut);
  for (const { name } of CODECS)
    expect(codecs[name]?.pages ?? 0, name).toBe(
      images.reduce((all, image) => all + (image.codecs[name]?.pages ?? 0), 0),
    );
  for (const count of Object.values(codecs)) expect(count.pages).toBeGreaterThan(0);
}

describe.each([
  'adaptive',
  'smallest',
  'characteristic',
  'mecom',
  'fixed:raw',
  'fixed:lz4',
  'fixed:zstd',
  'fixed:xbzrle',
])('%s', (strategy) => {
  test.each([1, 2])('counts add up with %d threads', async (threads) => {
    const { bytes, summary } = await encoded(sources(), { strategy, threads, zstd: undefined });
    expectAddUp(summary, bytes);
    const { summary: decode } = await decoded(bytes, { zstd: undefined });
    expect(decode.pages).toBe(summary.pages);
    expect(sum(decode.codecs, 'pages')).toBe(summary.pages);
    // Both sides count pages sent without bytes, and pages coded alone, in the same class.
    for (const name of [
      'zero',
      'fill',
      'same-as',
      'unchanged',
      'rle',
      'zero-aware',
      'xbzrle',
      'similar',
      'wkdm',
    ] as const)
      expect(decode.codecs[name]?.pages, name).toBe(summary.codecs[name]?.pages);
  });
});

test('the classes of pages that need no strategy', async () => {
  const text = first.subarray(6 * PAGE, 7 * PAGE);
  const pages = (...list: Uint8Array[]) => new Uint8Array(Buffer.concat(list));
  const zero = new Uint8Array(PAGE);
  const filled = zero.map(() => 5);
  const one = pages(zero, filled, text, text, zero);
  const two = pages(zero, filled, text, filled, text, text.subarray(0, 10));
  const { summary } = await encoded([bytesSource(one, 'one'), bytesSource(two, 'two')], {
    strategy: 'fixed:raw',
  });
  const counted = summary.images.map(({ codecs }) =>
    Object.fromEntries(Object.entries(codecs).map(([name, { pages }]) => [name, pages])),
  );
  expect(counted).toEqual([
    { zero: 2, fill: 1, raw: 1, 'same-as': 1 },
    { zero: 1, fill: 2, unchanged: 1, raw: 1, 'same-as': 1 },
  ]);
  expect(
    summary.images.map(({ duplicatesInside, duplicatesBetween }) => [duplicatesInside, duplicatesBetween]),
  ).toEqual([
    [1, 0],
    [0, 1],
  ]);
  expect(summary.codecs.raw).toEqual({ pages: 2, bytes: PAGE + 10 });
});

test('a page that is raw inside a packed segment counts as that packing, and shares its bytes', async () => {
  const image = guestImage(PAGE, 4);
  const counts = async (strategy: string) =>
    (await encoded([bytesSource(image, 'a')], { strategy, zstd: undefined, dedup: false })).summary.codecs;
  const raw = await counts('fixed:raw');
  const lz4 = await counts('fixed:lz4');
  const zstd = await counts('fixed:zstd:9');
  expect(raw.raw!.bytes).toBe(raw.raw!.pages * PAGE);
  expect(lz4.lz4!.pages).toBe(raw.raw!.pages);
  expect(zstd.zstd!.pages).toBe(raw.raw!.pages);
  expect(zstd.zstd!.bytes).toBeLessThan(lz4.lz4!.bytes);
  expect(lz4.lz4!.bytes).toBeLessThan(raw.raw!.bytes);
});

test('the time is that of the clock it was given', async () => {
  let now = 1000;
  const { summary } = await encoded(sources(), { clock: () => now++ });
  expect(summary.encodeMs).toBeGreaterThan(0);
  expect(summary.encodeMs).toBe(now - 1001);
});
