import { expect, test } from 'vitest';
import { loadZstd } from '../../src/codec/zstd/load.js';
import { emptyCounts } from '../../src/engine/frame/counters.js';
import { type Costs, decodeMs, findUs, MEASURED_COSTS, packMs, unpackMs } from '../../src/simulate/costs.js';
import { measureCosts } from '../../src/simulate/measure-costs.js';
import { simulate } from '../../src/simulate/simulate.js';
import { synthetic } from './guests.js';

const COSTS: Costs = {
  name: 'round numbers',
  copyUs: 1,
  surveyUs: 2,
  lookUpUs: 4,
  similarUs: 8,
  profileUs: 16,
  encodeUs: { rle: 10 },
  decodeUs: { rle: 5, xbzrle: 7 },
  packBytesPerMs: { lz4: 1000, 'zstd:3': 100, 'zstd:6': 10 },
  unpackBytesPerMs: { lz4: 5000, zstd: 500 },
  sealBytesPerMs: 2000,
};

test('finding costs what is looked for', () => {
  expect(['off', 'zero', 'exact', 'similar'].map((dedup) => findUs(COSTS, dedup as 'exact'))).toEqual([
    0, 2, 6, 6,
  ]);
});

test('packing costs its level, or the next lower one that was measured', () => {
  const ms = (level?: number) =>
    packMs(COSTS, level === undefined ? { name: 'zstd' } : { name: 'zstd', level }, 1000);
  expect([undefined, 3, 4, 5, 6, 19].map(ms)).toEqual([10, 10, 10, 10, 100, 100]);
  // Below all of them it is at least as quick as lz4.
  expect([ms(1), packMs(COSTS, { name: 'lz4' }, 1000), packMs(COSTS, { name: 'raw' }, 1000)]).toEqual([
    1, 1, 0,
  ]);
  expect((['raw', 'lz4', 'zstd'] as const).map((name) => unpackMs(COSTS, name, 1000))).toEqual([0, 0.2, 2]);
});

test('decoding costs each page its codec, its place and, where pages are proved one by one, its digest', () => {
  const counts = emptyCounts();
  expect(decodeMs(COSTS, counts, 'zero')).toBe(0);
  counts.rle.pages = 1000;
  counts.xbzrle.pages = 100;
  counts.unchanged.pages = 5000;
  counts.zero.pages = 10;
  // Pages in a packed segment: the segment is unpacked as a whole.
  counts.lz4.pages = 10;
  expect(decodeMs(COSTS, counts, 'zero')).toBeCloseTo(
    (1000 * (1 + 5 + 2) + 100 * (1 + 7 + 2) + 20 * 3) / 1000,
    9,
  );
  expect(decodeMs(COSTS, counts, 'off')).toBeCloseTo((1000 * (1 + 5) + 100 * (1 + 7) + 20) / 1000, 9);
});

/** All numbers, each by the path to it. */
function flat(costs: object, path = ''): [string, number][] {
  return Object.entries(costs).flatMap(([key, value]): [string, number][] => {
    if (typeof value === 'object' && value !== null) return flat(value, `${path}${key}.`);
    return typeof value === 'number' ? [[path + key, value]] : [];
  });
}

test('what is measured here has every number that is built in, and each is one that can be', async () => {
  const here = await measureCosts();
  const withZstd = (await loadZstd()) !== undefined;
  const expected = flat(MEASURED_COSTS).filter(
    ([path]) => withZstd || !path.startsWith('packBytesPerMs.zstd'),
  );
  expect(
    flat(here)
      .map(([path]) => path)
      .toSorted(),
  ).toEqual(expected.map(([path]) => path).toSorted());
  for (const [path, value] of flat(here))
    expect(Number.isFinite(value) && value > 0, `${path}: ${value}`).toBe(true);
  expect(here.name).toContain(`Node ${process.versions.node}, `);
  expect(here.name).toMatch(/, \d{4}-\d\d-\d\d$/);
  const guest = synthetic('guest');
  const { costs, verified } = await simulate({
    guest,
    technique: 'pageferry',
    link: { bitsPerSecond: 1e9, rttMs: 1 },
    costs: here,
  });
  expect([costs, verified]).toEqual([here, true]);
});

test('dearer work takes longer, and is counted at both hosts', async () => {
  const guest = synthetic('guest', { writesPerSecond: 0 });
  const run = (costs: Costs) =>
    simulate({ guest, technique: 'mecom', link: { bitsPerSecond: 1e10, rttMs: 1 }, costs });
  const dear = await run(COSTS);
  const free = await run({
    ...COSTS,
    copyUs: 0,
    surveyUs: 0,
    profileUs: 0,
    encodeUs: {},
    decodeUs: {},
    packBytesPerMs: { lz4: Infinity },
    unpackBytesPerMs: { lz4: Infinity, zstd: Infinity },
  });
  expect(free.cpuMs).toBe(0);
  expect(free.bytes).toBe(dear.bytes);
  // At the least, every page is surveyed and copied on both sides.
  expect(dear.cpuMs).toBeGreaterThan((2048 * 2 * 3) / 1000);
  expect(dear.totalMs).toBeGreaterThan(free.totalMs + (2048 * 3) / 1000);
});
