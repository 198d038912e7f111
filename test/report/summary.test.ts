import { describe, expect, test } from 'vitest';
import type { StrategyReport } from '../../src/analyze/tradeoff/report.js';
import { ceilingText, costText } from '../../src/report/terminal/advice.js';
import { tradeoffRows } from '../../src/report/terminal/rows.js';
import { summaryText } from '../../src/report/terminal/summary.js';
import { fixtureReport, LINKS } from './fixture.js';

const report = fixtureReport();
const [busy] = report.workloads;

describe('tradeoff summary', () => {
  const lines = summaryText(report).split('\n');

  test('begins with each workload and the strategy to use at each link', () => {
    expect(lines.slice(0, 6)).toEqual([
      'traces/compile: 3.00 GiB, 786432 pages of 4 KiB, 6 images',
      '  at 100 Mbit/s: use adaptive; 14.90 s instead of 257.70 s, 176.1 MiB instead of 3.00 GiB, 9.75 s of CPU',
      '  at 1 Gbit/s: use adaptive; 1.69 s instead of 25.77 s, 198.1 MiB instead of 3.00 GiB, 1.75 s of CPU',
      '  at 10 Gbit/s: use adaptive; 402 ms instead of 2.58 s, 475.9 MiB instead of 3.00 GiB, 244 ms of CPU',
      '  at 40 Gbit/s: send raw; 114 ms instead of 644 ms, 536.5 MiB instead of 3.00 GiB, 122 ms of CPU',
      '  above 25.4 Gbit/s send raw (below it fixed:zero-aware pays); adaptive changes to raw itself',
    ]);
    expect(lines).toContain('idle.raw: 256.0 MiB, 65536 pages of 4 KiB');
  });

  test('names the time of the uncompressed bytes where nothing is faster', () => {
    const advice = {
      linkBitsPerSecond: 40e9,
      use: 'adaptive',
      totalMs: 97,
      rawMs: 31,
      bytesOut: 10,
      cpuMs: 5,
    };
    expect(costText(advice, 20)).toBe(
      '97 ms (uncompressed: 31 ms), 10 bytes instead of 20 bytes, 5.0 ms of CPU',
    );
  });

  test('then lists the numbers, one strategy a line', () => {
    const head = lines.findIndex((line) => line.startsWith('strategy '));
    expect(lines[head]).toMatch(
      /^strategy +CPU µs\/page +size +100 Mbit\/s +1 Gbit\/s +10 Gbit\/s +40 Gbit\/s +pays below$/,
    );
    const rows = lines.slice(head + 2, head + 2 + busy!.strategies.length);
    expect(rows.map((row) => row.split(' ')[0])).toEqual(busy!.strategies.map(({ name }) => name));
    expect(rows.find((row) => row.startsWith('fixed:zstd:9'))).toMatch(/13\.24 +5\.7 % .* 778 Mbit\/s$/);
    expect(rows.find((row) => row.startsWith('adaptive'))).toMatch(/ 0\.16–12\.39 +5\.7–17\.5 % .* 114 ms$/);
  });

  test('ends with the machine', () => {
    expect(lines.at(-2)).toBe('AMD EPYC 7B13, 2 cores, 2 threads packing, Node v24.11.1, zstd: node:zlib');
  });
});

test('the limit up to which packing pays, in words', () => {
  const strategies = (rates: readonly (number | undefined)[]): StrategyReport[] =>
    rates.map((breakEvenBitsPerSecond, i) => ({
      ...busy!.strategies[0]!,
      name: `fixed:strategy-${i}`,
      breakEvenBitsPerSecond,
    }));
  const said = (...rates: (number | undefined)[]) => ceilingText({ ...busy!, strategies: strategies(rates) });
  expect(said(0, 0)).toBe('send raw at any rate: no packing shrinks these pages');
  expect(said(0, 2e9)).toBe('above 2 Gbit/s send raw (below it fixed:strategy-1 pays)');
  expect(said(1e9, Infinity)).toBe('fixed:strategy-1 pays at any rate: it is as fast as sending raw');
  expect(said(undefined)).toBe('');
});

test('an image with too few bytes to measure gets no limit from their times', () => {
  const raw = busy!.strategies.find(({ name }) => name === 'fixed:raw')!;
  const ofBytes = (bytesOut: number) => ({
    ...raw,
    atLinks: raw.atLinks.map((at) => ({ ...at, measure: { ...at.measure, bytesOut } })),
  });
  const packing = { ...busy!.strategies[0]!, name: 'fixed:lz4', breakEvenBitsPerSecond: 2e9 };
  const said = (bytes: number) => ceilingText({ ...busy!, strategies: [ofBytes(bytes), packing] });
  expect(said(40 << 10)).toBe(
    'only 40.0 KiB to pack: the times are mostly overhead and vary; measure a larger image',
  );
  expect(said(2 << 20)).toBe('above 2 Gbit/s send raw (below it fixed:lz4 pays)');
});

test('rows: one for each workload, strategy and link', () => {
  const rows = tradeoffRows(report);
  expect(rows.length).toBe(
    report.workloads.reduce((sum, { strategies }) => sum + strategies.length * LINKS.length, 0),
  );
  expect(JSON.parse(JSON.stringify(rows))).toEqual(rows);
  for (const row of rows) {
    expect(Object.keys(row)).toEqual([
      'workload',
      'strategy',
      'link',
      'bytesIn',
      'bytesOut',
      'encodeMs',
      'decodeMs',
      'pipelinedMs',
      'cpuMs',
    ]);
    expect(Object.values(row).slice(2).every(Number.isFinite)).toBe(true);
  }
  expect(rows[0]).toMatchObject({
    workload: 'traces/compile',
    strategy: 'fixed:raw',
    link: 1e8,
    bytesIn: 3221225472,
  });
  expect(rows[1]!.pipelinedMs).toBeCloseTo(busy!.strategies[0]!.atLinks[1]!.time.totalMs);
});
