import { expect, test } from 'vitest';
import { emptyCounts } from '../../src/engine/frame/counters.js';
import { type Costs, decodeMs, dedupUs, MEASURED_COSTS, packMs, unpackMs } from '../../src/simulate/costs.js';
import { measureCosts } from '../../src/simulate/measure-costs.js';
import { simulate } from '../../src/simulate/simulate.js';
import { synthetic } from './guests.js';

const COSTS: Costs = {
  name: 'round numbers',
  copyUs: 1,
  scanUs: 2,
  lookupUs: 4,
  similarUs: 8,
  profileUs: 16,
  encodeUs: { rle: 10 },
  decodeUs: { rle: 5, xbzrle: 7 },
  packBytesPerMs: { lz4: 1000, 'zstd:3': 100, 'zstd:6': 10 },
  unpackBytesPerMs: { lz4: 5000, zstd: 500 },
  encryptBytesPerMs: 2000,
};

test('dedup costs by level', () => {
  expect(['off', 'zero', 'exact', 'similar'].map((dedup) => dedupUs(COSTS, dedup as 'exact'))).toEqual([
    0, 2, 6, 6,
  ]);
});

test('a level costs as much as the next lower measured one', () => {
  const ms = (level?: number) =>
    packMs(COSTS, level === undefined ? { name: 'zstd' } : { name: 'zstd', level }, 1000);
  expect([undefined, 3, 4, 5, 6, 19].map(ms)).toEqual([10, 10, 10, 10, 100, 100]);
  // Below the lowest measured level the cost is that of lz4.
  expect([ms(1), packMs(COSTS, { name: 'lz4' }, 1000), packMs(COSTS, { name: 'raw' }, 1000)]).toEqual([
    1, 1, 0,
  ]);
  expect((['raw', 'lz4', 'zstd'] as const).map((name) => unpackMs(COSTS, name, 1000))).toEqual([0, 0.2, 2]);
});

test('decoding costs codec, copy and, with dedup, digest of each page', () => {
  const counts = emptyCounts();
  expect(decodeMs(COSTS, counts, 'zero')).toBe(0);
  counts.rle.pages = 1000;
  counts.xbzrle.pages = 100;
  counts.unchanged.pages = 5000;
  counts.zero.pages = 10;
  // lz4 pages are unpacked as a segment.
  counts.lz4.pages = 10;
  expect(decodeMs(COSTS, counts, 'zero')).toBeCloseTo(
    (1000 * (1 + 5 + 2) + 100 * (1 + 7 + 2) + 20 * 3) / 1000,
    9,
  );
  expect(decodeMs(COSTS, counts, 'off')).toBeCloseTo((1000 * (1 + 5) + 100 * (1 + 7) + 20) / 1000, 9);
});

/** All numbers, by path. */
function flat(costs: object, path = ''): [string, number][] {
  return Object.entries(costs).flatMap(([key, value]): [string, number][] => {
    if (typeof value === 'object' && value !== null) return flat(value, `${path}${key}.`);
    return typeof value === 'number' ? [[path + key, value]] : [];
  });
}

test('measured costs have every field of the default costs, all positive', async () => {
  const here = await measureCosts();
  const expected = flat(MEASURED_COSTS);
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

test('higher costs take longer and count at both hosts', async () => {
  const guest = synthetic('guest', { writesPerSecond: 0 });
  const run = (costs: Costs) =>
    simulate({ guest, technique: 'mecom', link: { bitsPerSecond: 1e10, rttMs: 1 }, costs });
  const dear = await run(COSTS);
  const free = await run({
    ...COSTS,
    copyUs: 0,
    scanUs: 0,
    profileUs: 0,
    encodeUs: {},
    decodeUs: {},
    packBytesPerMs: { lz4: Infinity },
    unpackBytesPerMs: { lz4: Infinity, zstd: Infinity },
  });
  expect(free.cpuMs).toBe(0);
  expect(free.bytes).toBe(dear.bytes);
  // At least, every page is scanned and copied on both sides.
  expect(dear.cpuMs).toBeGreaterThan((2048 * 2 * 3) / 1000);
  expect(dear.totalMs).toBeGreaterThan(free.totalMs + (2048 * 3) / 1000);
});
