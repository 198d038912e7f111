import { describe, expect, test } from 'vitest';
import {
  CHANGE_STEPS,
  createPageStatistics,
  type PageStatistics,
} from '../../src/analyze/page-statistics.js';
import { recommend } from '../../src/analyze/recommend.js';
import { bytesSource, loadZstd, type StreamSummary, strategyByName } from '../../src/index.js';
import { encode as encodeRle } from '../reference/rle.js';
import { guestImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';
import { encoded } from '../support/streams.js';

const PAGE = 4096;
const zstd = await loadZstd();

async function analyzed(images: readonly Uint8Array[], withZstd = zstd !== undefined) {
  const statistics = createPageStatistics(withZstd);
  const sources = images.map((image, i) => bytesSource(image, `image ${i}`));
  const { summary } = await encoded(sources, {
    strategy: statistics.strategy,
    zstd: withZstd ? zstd! : null,
  });
  return { statistics, summary };
}

/** Distinct pages of random bytes. */
function noise(pages: number, seed: number): Uint8Array {
  const next = seeded(seed);
  return new Uint8Array(Uint32Array.from({ length: (pages * PAGE) / 4 }, () => next()).buffer);
}

describe('page statistics', () => {
  test('tries every codec on every page that needs bytes, and on no other', async () => {
    const image = guestImage(PAGE, 1);
    const { statistics, summary } = await analyzed([image]);
    const { zero, fill, 'same-as': same } = summary.codecs;
    const pages = summary.pages - zero!.pages - fill!.pages - same!.pages;
    expect(pages).toBeLessThan(summary.pages);
    for (const name of ['rle', 'zero-aware', 'wkdm', 'lz4', 'similar'])
      expect([name, statistics.codecs[name]!.tried]).toEqual([name, { pages, bytes: pages * PAGE }]);
    expect(statistics.codecs.xbzrle!.tried).toEqual({ pages: 0, bytes: 0 });
    for (const { pages, bytesIn, bytesOut, tried, ms } of Object.values(statistics.codecs)) {
      expect(pages).toBeLessThanOrEqual(tried.pages);
      expect(bytesIn).toBe(pages * PAGE);
      expect(bytesOut).toBeLessThanOrEqual(bytesIn);
      expect(ms).toBeGreaterThanOrEqual(0);
    }
    expect(statistics.changed).toEqual(CHANGE_STEPS.map(() => 0));
  });

  test('counts the real bytes of a codec', async () => {
    const distinct = noise(6, 2);
    distinct.fill(7, PAGE, PAGE + 3000);
    distinct.fill(9, 3 * PAGE + 5, 4 * PAGE - 100);
    const { statistics } = await analyzed([distinct]);
    const sizes = Array.from(
      { length: 6 },
      (_, i) => encodeRle(distinct.subarray(i * PAGE, (i + 1) * PAGE)).length,
    );
    const coded = sizes.filter((bytes) => bytes < PAGE);
    expect(coded.length).toBe(2);
    expect(statistics.codecs.rle).toMatchObject({
      pages: 2,
      bytesOut: coded.reduce((sum, bytes) => sum + bytes, 0),
    });
  });

  test('counts changed pages by changed bytes', async () => {
    const before = noise(8, 3);
    const after = before.slice();
    for (const [page, bytes] of [
      [1, 1],
      [2, PAGE / 64],
      [3, PAGE / 8],
      [4, PAGE / 2],
      [5, PAGE / 2 + 1],
      [6, PAGE],
    ] as const)
      for (let i = 0; i < bytes; i++) after[page * PAGE + i]! ^= 0xff;
    const { statistics, summary } = await analyzed([before, after]);
    expect(summary.images[1]!.codecs.unchanged!.pages).toBe(2);
    expect(statistics.changed).toEqual([2, 1, 1, 2]);
    expect(statistics.codecs.xbzrle!.tried.pages).toBe(6);
  });

  test('assigns groups to packings in turn and counts their bytes', async () => {
    // Twelve groups of 1 MiB, the last page partial.
    const image = new Uint8Array(Buffer.concat([noise(12 * 256, 4), noise(1, 5).subarray(0, 99)]));
    for (const withZstd of zstd ? [true, false] : [false]) {
      const { statistics } = await analyzed([image], withZstd);
      expect(statistics.packings.map(({ packing }) => packing.name)).toEqual(
        withZstd ? ['lz4', 'zstd', 'zstd', 'zstd'] : ['lz4'],
      );
      expect(statistics.packings.reduce((sum, { bytesIn }) => sum + bytesIn, 0)).toBe(image.length);
      const groups = statistics.packings.map(({ groups }) => groups);
      expect(Math.max(...groups) - Math.min(...groups)).toBeLessThanOrEqual(1);
    }
  });
});

/** Statistics of this many bytes with these packings: name, ratio, bytes a ms. */
function made(
  bytes: number,
  packings: readonly (readonly [
    name: 'lz4' | 'zstd',
    level: number | undefined,
    share: number,
    speed: number,
  ])[],
) {
  const statistics = createPageStatistics(false);
  Object.assign(statistics.codecs.rle!.tried, { pages: bytes / PAGE, bytes });
  const trials = packings.map(([name, level, share, speed]) => ({
    packing: level === undefined ? { name } : { name, level },
    groups: 1,
    bytesIn: bytes / 4,
    bytesOut: (share * bytes) / 4,
    ms: bytes / 4 / speed,
  }));
  return { ...statistics, packings: trials } as PageStatistics;
}
const summary = (bytesIn: number) => ({ bytesIn }) as StreamSummary;
const MIB = 1 << 20;

describe('recommendation', () => {
  const statistics = made(64 * MIB, [
    ['lz4', undefined, 0.5, 500_000],
    ['zstd', 1, 0.3, 100_000],
    ['zstd', 9, 0.25, 20_000],
  ]);
  test('compares encoding and sending of all bytes', () => {
    const { estimates } = recommend(statistics, summary(128 * MIB), 1e9, PAGE);
    expect(Object.keys(estimates)).toEqual(['fixed:raw', 'fixed:lz4', 'fixed:zstd:1', 'fixed:zstd:9']);
    const bytes = 64 * MIB;
    expect(estimates['fixed:raw']).toBeCloseTo((bytes * 8) / 1e6, 6);
    expect(estimates['fixed:lz4']).toBeCloseTo((0.5 * bytes * 8) / 1e6, 6);
    expect(estimates['fixed:zstd:1']).toBeCloseTo(bytes / 100_000, 6);
    expect(estimates['fixed:zstd:9']).toBeCloseTo(bytes / 20_000, 6);
  });
  test.each([
    [1e7, 'adaptive', 'fixed:zstd:9', 88],
    [1e9, 'adaptive', 'fixed:lz4', 75],
    [1e11, 'fixed:raw', 'faster than any packing', 50],
  ] as const)('follows the link: %f bit/s', (link, strategy, word, saved) => {
    const found = recommend(statistics, summary(128 * MIB), link, PAGE);
    expect(found.strategy).toBe(strategy);
    expect(found.text).toContain(`--strategy ${strategy}.`);
    expect(found.text).toContain(word);
    expect(found.text).toContain(`saves ${saved} %`);
    for (const name of Object.keys(found.estimates)) expect(strategyByName(name).name).toBe(name);
  });
  test('of pages that need no bytes', () => {
    for (const bytesIn of [0, 64 * MIB]) {
      const { strategy, text } = recommend(made(0, []), summary(bytesIn), 1e9, PAGE);
      expect([strategy, text]).toEqual([
        'adaptive',
        'Recommended: --strategy adaptive. Every page is zero, a fill or a duplicate: all strategies perform the same.',
      ]);
    }
  });
  test('of an image of one short page', async () => {
    const { statistics, summary } = await analyzed([noise(1, 9).subarray(0, 1000)]);
    const { text, estimates } = recommend(statistics, summary, 1e9, PAGE);
    expect(text).not.toContain('Every page');
    expect(estimates['fixed:raw']).toBeCloseTo(8000 / 1e6, 9);
  });
});
