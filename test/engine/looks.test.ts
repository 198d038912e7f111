// What the engine looks for when the strategy decides, and what it reports of it.
import { describe, expect, test } from 'vitest';
import { bytesSource, type LookResult, type Looks, type Strategy, strategyByName } from '../../src/index.js';
import { guestImage } from '../support/images.js';
import { batchOf, liveSender } from '../support/live.js';
import { decoded, encoded } from '../support/streams.js';

const PAGE = 4096;
const IMAGE = guestImage(PAGE, 3);
const WHOLE_PAGES = Math.floor(IMAGE.length / PAGE);

/** LZ4 with looks, and what the engine reported of them. */
function looking(looks: Partial<Looks>): { strategy: Strategy; reported: LookResult[] } {
  const reported: LookResult[] = [];
  const strategy: Strategy = {
    name: 'looking',
    choose: () => 'group',
    pack: () => ({ name: 'lz4' }),
    looks: () => ({ duplicates: true, similar: true, ...looks }),
    onLooked: (result) => void reported.push(result),
  };
  return { strategy, reported };
}

const sum = (reported: readonly LookResult[], field: 'pages' | 'hits') =>
  reported.reduce((total, result) => total + result[field], 0);

describe('images', () => {
  const images = () => ['a', 'b', 'c'].map((name) => bytesSource(IMAGE, name));

  test('what is found is reported with the next pages that are looked up', async () => {
    const { strategy, reported } = looking({});
    const { summary } = await encoded(images(), { strategy, clock: () => 0 });
    const found = summary.images[0]!.duplicatesInside + summary.images[0]!.duplicatesBetween;
    expect(found).toBeGreaterThan(0);
    expect(sum(reported, 'hits')).toBeLessThanOrEqual(found);
    expect(reported.every(({ ms, pageBytes }) => ms === 0 && pageBytes === PAGE)).toBe(true);
  });

  test('without looking for duplicates none is found, and the stream decodes', async () => {
    const { strategy, reported } = looking({ duplicates: false });
    const { bytes, summary } = await encoded(images(), { strategy });
    expect(summary.codecs['same-as']).toBeUndefined();
    expect(reported).toEqual([]);
    for (const image of (await decoded(bytes)).images) expect(Buffer.compare(image, IMAGE)).toBe(0);
    const other = await encoded(images(), { strategy: looking({}).strategy });
    expect(other.summary.codecs['same-as']!.pages).toBeGreaterThan(0);
  });

  test('fixed strategies are not asked: their bytes depend on no clock', async () => {
    const strategy = strategyByName('fixed:lz4');
    expect(strategy.looks).toBeUndefined();
    let now = 0;
    const one = await encoded(images(), { strategy: 'fixed:lz4', clock: () => 0 });
    const other = await encoded(images(), { strategy: 'fixed:lz4', clock: () => (now += 1000) });
    expect(Buffer.compare(one.bytes, other.bytes)).toBe(0);
  });
});

test('a live sender: every batch is asked about, and all look-ups are reported', async () => {
  const { strategy, reported } = looking({});
  const sender = await liveSender({ strategy });
  sender.begin('guest', WHOLE_PAGES);
  const pages = Array.from({ length: Math.min(64, WHOLE_PAGES) }, (_, page) => page);
  const { counts } = await batchOf(sender, IMAGE, pages);
  await sender.close();
  expect(sum(reported, 'hits')).toBe(counts['same-as'].pages);
  expect(sum(reported, 'pages')).toBe(pages.length - counts.zero.pages - counts.fill.pages);
  expect(reported[0]!.timedPages).toBe(Math.ceil(reported[0]!.pages / 16));

  const off = await liveSender({ strategy: looking({ duplicates: false }).strategy });
  off.begin('guest', WHOLE_PAGES);
  expect((await batchOf(off, IMAGE, pages)).counts['same-as'].pages).toBe(0);
  await off.close();
});

test('the first access to the memory of the index does not count as time of look-ups', async () => {
  const { strategy, reported } = looking({});
  const pages = 4096;
  const image = new Uint8Array(pages * PAGE);
  const words = new Uint32Array(image.buffer);
  for (let page = 0; page < pages; page++) words[(page * PAGE) / 4] = page + 1;
  let now = 0;
  // 2^16 pages in buckets of 4: 1 MiB of memory, or 256 pages of it.
  await encoded([bytesSource(image, 'image')], { strategy, indexPages: 2 ** 16, clock: () => now++ });
  const first = reported.findIndex(({ timedPages }) => timedPages > 0);
  expect(sum(reported.slice(0, first), 'pages')).toBe(1024);
  for (const [i, { timedPages, ms, pages }] of reported.entries()) {
    expect(timedPages, `report ${i}`).toBe(i < first ? 0 : pages);
    expect(ms > 0, `report ${i}`).toBe(i >= first);
  }
});
