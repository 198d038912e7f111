import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import { renderSimulationPage } from '../../src/report/html/simulation-page.js';
import { bestOf, conclusionLines, keepsLimit, ranked } from '../../src/report/terminal/simulation.js';
import { simulationRows } from '../../src/report/terminal/simulation-rows.js';
import { simulationText } from '../../src/report/terminal/simulation-summary.js';
import { TECHNIQUES } from '../../src/simulate/technique/registry.js';
import { changed, simulatedReport } from './simulation-fixture.js';

const report = await simulatedReport([1e8, 1e9]);
const html = renderSimulationPage(report);
const { document } = parseHTML(html);

describe('simulation page', () => {
  test('loads and runs nothing', () => {
    for (const [, value] of html.matchAll(/\b(?:src|href|srcset|data|action)\s*=\s*["']?([^"'\s>]*)/gi))
      expect(value).toMatch(/^(#|data:)/);
    expect(html).not.toMatch(
      /<script|<link(?! rel="icon" href="data:,")|<iframe|<object|<embed|@import|\son\w+\s*=|javascript:/i,
    );
    expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`);
  });

  test('names every technique, link and setting, and its origin', () => {
    const text = document.body.textContent!;
    for (const { name } of TECHNIQUES) expect(text).toContain(name);
    const { name: costs } = report.links[0]!.results[0]!.costs;
    const words = [
      '100 Mbit/s, round trip 0.2 ms',
      '1 Gbit/s, round trip 0.2 ms',
      report.guest.name,
      report.command,
      report.zstd!,
      costs,
    ];
    for (const word of [
      ...words,
      'downtime limit 40 ms',
      'seed 1',
      '2 threads a host',
      'shared storage 200 MB/s',
    ])
      expect(text).toContain(word);
    expect(text).not.toMatch(/NaN|Infinity|undefined|\[object/);
    expect(html).not.toMatch(/="[^"]*(?:NaN|undefined|Infinity)/);
  });

  test('a table of every number at each link', () => {
    const tables = [...document.querySelectorAll('section .scroll')];
    expect(tables.length).toBe(2);
    for (const [i, table] of tables.entries()) {
      const names = [...table.querySelectorAll('th[scope="row"]')].map(
        (cell) => cell.textContent!.split(' ')[0],
      );
      expect(names).toEqual(ranked(report.links[i]!.results).map(({ technique }) => technique));
      for (const row of table.querySelectorAll('tbody tr')) expect(row.children.length).toBe(12);
    }
  });

  test('the bars have the length of their values', () => {
    const [chart] = document.querySelectorAll('figure .wide svg');
    const widths = [...chart!.querySelectorAll('[aria-label="bar"] > g')].map((panel) =>
      [...panel.querySelectorAll('rect')].map((rect) => Number(rect.getAttribute('width'))),
    );
    const results = ranked(report.links[0]!.results);
    const measures = [
      results.map(({ totalMs }) => totalMs),
      results.map(({ bytes }) => bytes),
      results.map(({ cpuMs }) => cpuMs),
    ];
    expect(widths.length).toBe(3);
    for (const [i, values] of measures.entries())
      for (const [n, value] of values.entries())
        expect(widths[i]![n]! / Math.max(...widths[i]!)).toBeCloseTo(value / Math.max(...values), 1);
    expect(chart!.querySelectorAll('circle').length).toBe(results.length);
  });

  test('deferred pages by reason, as in the rounds', () => {
    const results = ranked(report.links[0]!.results);
    const items = [...document.querySelectorAll('section')][0]!.querySelectorAll('.deferred > li');
    const leaving = results.filter(({ history }) =>
      history.some(({ deferred }) => Object.keys(deferred).length > 0),
    );
    expect(items.length).toBe(leaving.length);
    expect(leaving.length).toBeGreaterThan(3);
    for (const [i, { technique, history }] of leaving.entries()) {
      const item = items[i]!;
      expect(item.querySelector('b')!.textContent).toBe(technique);
      for (const reason of new Set(history.flatMap(({ deferred }) => Object.keys(deferred)))) {
        const pages = history.reduce((sum, { deferred }) => sum + (deferred[reason] ?? 0), 0);
        expect(item.textContent).toContain(`${reason} ${pages.toLocaleString('en')} (`);
      }
    }
  });

  test('the same report, the same page', () => {
    expect(renderSimulationPage(report)).toBe(html);
  });

  test('escapes names from outside', () => {
    const evil = `"><script>alert(1)</script><img src=x onerror='alert(2)'>&amp;\u0007`;
    const renamed = changed(report, (result) => ({
      technique: evil,
      strategy: evil,
      limitReached: evil,
      costs: { ...result.costs, name: evil },
      history: result.history.map((round) => ({ ...round, left: { [evil]: 5 } })),
    }));
    const page = renderSimulationPage({
      ...renamed,
      command: evil,
      runtime: evil,
      zstd: evil,
      guest: { ...report.guest, name: evil },
    });
    expect(page).not.toMatch(/<script|<img|\p{Cc}(?<!\n)/u);
    expect(parseHTML(page).document.querySelectorAll('script, img, [onerror]').length).toBe(0);
  });
});

describe('conclusion', () => {
  const at = report.links[1]!;

  test('the best is the fastest within the limit', () => {
    const best = bestOf(at.results)!;
    for (const result of at.results.filter(keepsLimit))
      expect(result.totalMs).toBeGreaterThanOrEqual(best.totalMs);
    expect(best.downtimeMs).toBeLessThanOrEqual(best.downtimeLimitMs);
    expect(conclusionLines(at)[0]).toContain(`Fastest within a downtime limit of 40 ms: ${best.technique}, `);
  });

  test('none within the limit: names the closest', () => {
    const strict = changed(report, () => ({ downtimeLimitMs: 0.001 })).links[1]!;
    const shortest = strict.results.reduce((a, b) => (b.downtimeMs < a.downtimeMs ? b : a));
    expect(bestOf(strict.results)).toBeUndefined();
    expect(conclusionLines(strict)).toEqual([
      expect.stringContaining(`No technique keeps the downtime limit of 0.001 ms; ${shortest.technique}`),
    ]);
    expect(simulationText({ ...report, links: [strict] })).not.toMatch(/^\*/m);
    expect(renderSimulationPage({ ...report, links: [strict] })).not.toContain('★');
  });

  test('failed techniques come last, with the reason', () => {
    const failing = changed(report, (_, i) =>
      i === 0 ? {} : { verified: false, failed: 'the link was lost after 1 ms' },
    );
    const { results } = failing.links[0]!;
    expect(ranked(results)[0]!.technique).toBe(results[0]!.technique);
    expect(conclusionLines(failing.links[0]!).at(-1)).toBe(
      `Failed: ${results
        .slice(1)
        .map(({ technique }) => technique)
        .join(', ')}.`,
    );
    const text = simulationText(failing);
    expect(text.match(/ NO {8}failed: the link was lost after 1 ms/g)!.length).toBe(2 * (results.length - 1));
    const all = changed(report, () => ({
      verified: false,
      failed: 'lost',
      downtimeMs: 0,
      totalMs: 0,
      bytes: 0,
      cpuMs: 0,
      history: [],
    }));
    expect(renderSimulationPage(all)).not.toMatch(/NaN|Infinity|undefined/);
  });
});

test('rows: one for each technique and link; a permanent loss has no forMs', () => {
  const cut = {
    ...report,
    links: report.links.map(({ link, results }) => ({
      link: { ...link, cut: { atMs: 5, forMs: Infinity } },
      results,
    })),
  };
  const rows = simulationRows(cut);
  expect(rows.length).toBe(2 * TECHNIQUES.length);
  for (const row of rows)
    expect(row).toMatchObject({ cut: { atMs: 5 }, rttMs: 0.2, guest: report.guest.name });
  expect(JSON.parse(JSON.stringify(rows))).toEqual(rows);
});
