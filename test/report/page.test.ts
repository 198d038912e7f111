import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import type { TradeoffReport, WorkloadReport } from '../../src/analyze/tradeoff/report.js';
import { runsOf } from '../../src/report/html/page-map.js';
import { bytesTicks, logTicks, powerTicks } from '../../src/report/html/ticks.js';
import { renderPage } from '../../src/report/html/tradeoff-page.js';
import { fixtureReport } from './fixture.js';

const html = renderPage(fixtureReport());
const { document } = parseHTML(html);

describe('tradeoff page', () => {
  test('loads and runs nothing', () => {
    for (const [, value] of html.matchAll(/\b(?:src|href|srcset|data|action)\s*=\s*["']?([^"'\s>]*)/gi))
      expect(value).toMatch(/^(#|data:)/);
    for (const [, value] of html.matchAll(/url\(\s*["']?([^"')]*)/gi)) expect(value).toMatch(/^#/);
    expect(html).not.toMatch(
      /<script|<link(?! rel="icon" href="data:,")|<iframe|<object|<embed|@import|\son\w+\s*=|javascript:/i,
    );
    expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`);
  });

  test('names every workload, strategy and link, and its origin', () => {
    const text = document.body.textContent!;
    const { workloads } = fixtureReport();
    const strategies = workloads.reduce((sum, workload) => sum + workload.strategies.length, 0);
    for (const { name, strategies } of workloads)
      for (const word of [name, ...strategies.map((strategy) => strategy.name)]) expect(text).toContain(word);
    for (const link of ['100 Mbit/s', '1 Gbit/s', '10 Gbit/s', '40 Gbit/s'])
      expect(text).toContain(`at ${link}`);
    for (const word of [
      'pageferry tradeoff traces/compile idle.raw',
      'AMD EPYC 7B13',
      'v24.11.1',
      '2026-11-23 13:05:07 UTC',
      '8.00 GiB',
    ])
      expect(text).toContain(word);
    expect(document.querySelectorAll('tbody').length).toBe(strategies + workloads.length);
    expect(text).not.toMatch(/NaN|Infinity|undefined|\[object/);
    expect(html).not.toMatch(/="[^"]*(?:NaN|undefined|Infinity)/);
  });

  test('draws every chart in two sizes, with a description', () => {
    // A single image has no rounds.
    expect(document.querySelectorAll('figure').length).toBe(7 + 3);
    for (const figure of document.querySelectorAll('figure'))
      for (const size of ['wide', 'narrow']) {
        const chart = figure.querySelector(`.${size} > svg[role="img"]`)!;
        expect(chart.getAttribute('aria-label')!.length).toBeGreaterThan(20);
        expect(chart.querySelectorAll('circle, path, rect').length).toBeGreaterThan(5);
      }
  });

  test('escapes names from outside', () => {
    const evil = `"><script>alert(1)</script><img src=x onerror='alert(2)'>&amp;\u0007`;
    const report = fixtureReport([evil, `${evil}2`]);
    const origin = { ...report.origin, command: evil, cpu: evil, runtime: evil, platform: evil, zstd: evil };
    const renamed = report.workloads.map((workload): WorkloadReport => {
      const strategies = workload.strategies.map((strategy, i) =>
        i === 1 ? { ...strategy, name: evil } : strategy,
      );
      const cells = workload.map.cells.map((cell) => ({ ...cell, codec: evil }));
      const map = { ...workload.map, image: evil, cells, counts: { [evil]: 7 } };
      const advice = workload.advice.map((one) => ({ ...one, use: evil }));
      return {
        ...workload,
        strategies,
        map,
        advice,
        steps: workload.steps.map((step) => ({ ...step, from: evil, to: evil })),
      };
    });
    const page = renderPage({ ...report, origin, workloads: renamed });
    expect(page).not.toMatch(/<script|<img|\p{Cc}(?<!\n)/u);
    const parsed = parseHTML(page).document;
    expect(parsed.querySelectorAll('script, img, [onerror]').length).toBe(0);
    expect(parsed.querySelector('h2')!.textContent).toBe(
      `"><script>alert(1)</script><img src=x onerror='alert(2)'>&amp;\ufffd`,
    );
  });

  test('renders a minimal report: one link, one strategy, an empty image', () => {
    const report = fixtureReport();
    const bare = ({ strategies, advice, map, ...rest }: WorkloadReport): WorkloadReport => ({
      ...rest,
      strategies: strategies.slice(0, 1).map((strategy) => {
        const measure = {
          ...strategy.atLinks[0]!.measure,
          pages: 0,
          bytesIn: 0,
          bytesOut: 60,
          cpuMs: 0,
          encodeMs: 0,
          decodeMs: 0,
        };
        return { ...strategy, atLinks: [{ measure, time: { ...strategy.atLinks[0]!.time, totalMs: 0 } }] };
      }),
      advice: advice.slice(0, 1).map((one) => ({ ...one, rawMs: 0, totalMs: 0 })),
      map: { ...map, cells: [], counts: {}, pages: 0 },
      steps: [],
      rounds: [],
      timeline: [],
      bytesIn: 0,
      pages: 0,
    });
    const little: TradeoffReport = {
      ...report,
      links: report.links.slice(0, 1),
      workloads: report.workloads.slice(0, 1).map(bare),
    };
    const page = renderPage(little);
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
    expect(parseHTML(page).document.querySelectorAll('figure').length).toBe(2);
  });
});

test('runs of equal cells end with their row', () => {
  const cells = 'aaabbaaaa'.split('').map((codec) => ({ class: 'packed' as const, codec }));
  expect(runsOf(cells, 4)).toEqual([
    { from: 0, to: 3 },
    { from: 3, to: 4 },
    { from: 4, to: 5 },
    { from: 5, to: 8 },
    { from: 8, to: 9 },
  ]);
});

test('ticks are round and cover their values', () => {
  expect(bytesTicks(537 * 2 ** 20, 6)).toEqual([0, 100, 200, 300, 400, 500, 600].map((mib) => mib * 2 ** 20));
  expect(logTicks([4e7, 1e11], 6)).toEqual([1e8, 1e9, 1e10, 1e11]);
  expect(logTicks([0.1, 20], 12)).toEqual([0.1, 0.2, 0.5, 1, 2, 5, 10, 20]);
  expect(powerTicks([5e6, 3e8], 7)).toEqual([4, 8, 16, 32, 64, 128, 256, 512].map((mib) => mib * 2 ** 20));
  expect(powerTicks([64], 7)).toEqual([64, 128]);
});
