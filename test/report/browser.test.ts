// The page as a reader gets it: in a real browser, without a network, light and dark, wide and narrow.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderPage } from '../../src/report/page.js';
import type { TradeoffReport } from '../../src/tradeoff/report.js';
import { fixtureReport } from './fixture.js';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => fs.existsSync(path));
if (!CHROMIUM) process.stderr.write('test/report/browser.test.ts: skipped, there is no Chromium (apt-get install chromium)\n');

const report = fixtureReport();
/** Names that are as long as paths get, and have no place to break at. */
const long = fixtureReport([`/srv/${'a-rather-long-folder-name/'.repeat(6)}guest.raw`, `${'x'.repeat(200)}.raw`]);
/** One link, and a user's own way. */
const other: TradeoffReport = {
  ...report,
  links: report.links.slice(1, 2),
  workloads: report.workloads.map((workload) => ({
    ...workload,
    ways: workload.ways.map((way, i) => ({
      ...way,
      name: i === 1 ? "my-own-strategy-of-the-user's" : way.name,
      atLinks: way.atLinks.slice(1, 2),
    })),
    advice: workload.advice.slice(1, 2),
  })),
};

describe.skipIf(!CHROMIUM)('in a browser', () => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'report-test-'));
  let browser: Browser;
  beforeAll(async () => {
    // Root may not have a sandbox, and nothing that is loaded comes from elsewhere.
    browser = await chromium.launch({ executablePath: CHROMIUM!, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  });
  afterAll(async () => {
    await browser?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const reports: [string, TradeoffReport][] = [
    ['two workloads', report],
    ['long names', long],
    ['one link', other],
  ];
  const views = reports.flatMap(([name, one]) =>
    [1280, 390].flatMap((width) => (['light', 'dark'] as const).map((scheme) => ({ name, one, width, scheme }))),
  );
  test.each(views)('$name, $scheme, $width px wide', async ({ name, one, width, scheme }) => {
    const file = join(folder, `${name}.html`);
    fs.writeFileSync(file, renderPage(one));
    const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme: scheme });
    const page = await context.newPage();
    const said: string[] = [];
    const asked: string[] = [];
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(String(error)));
    page.on('request', (request) => asked.push(request.url()));
    await page.route(/^(?!file:)/, (route) => route.abort());
    const url = pathToFileURL(file).href;
    await page.goto(url);
    expect({ said, asked }).toEqual({ said: [], asked: [url] });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    await expectTheme(page, scheme);
    await expectCharts(page, width);
    await context.close();
  });

  async function expectTheme(page: Page, scheme: 'light' | 'dark') {
    const [ink, paper] = await page.evaluate(() => {
      const light = (colour: string) =>
        colour
          .match(/\d+/g)!
          .slice(0, 3)
          .reduce((sum, part) => sum + Number(part), 0) / 765;
      const { color, backgroundColor } = getComputedStyle(document.body);
      return [light(color), light(backgroundColor)];
    });
    if (scheme === 'light') expect(paper! - ink!).toBeGreaterThan(0.7);
    else expect(ink! - paper!).toBeGreaterThan(0.7);
  }

  /** Of each figure one drawing is shown; it holds marks, and its texts are whole and clear of each other. */
  async function expectCharts(page: Page, width: number) {
    const charts = await page.evaluate(() =>
      [...document.querySelectorAll('figure')].map((figure) => {
        const shown = [...figure.querySelectorAll<SVGElement>('svg[role=img]')].filter((svg) => svg.checkVisibility());
        const svg = shown[0]!;
        const boxOf = (element: Element) => {
          const { left, top, right, bottom } = element.getBoundingClientRect();
          return { left, top, right, bottom };
        };
        const texts = [...svg.querySelectorAll('text')].map((text) => ({
          text: text.textContent!,
          box: boxOf(text),
          fontPx:
            Number.parseFloat(getComputedStyle(text).fontSize) *
            (svg.getBoundingClientRect().width / (svg as SVGSVGElement).viewBox.baseVal.width),
        }));
        const marks = svg.querySelectorAll('circle, path, rect').length;
        const painted = [...svg.querySelectorAll('circle, path, rect')].filter((mark) => {
          const { fill, stroke } = getComputedStyle(mark);
          return fill !== 'none' || stroke !== 'none';
        }).length;
        return { shown: shown.length, title: figure.querySelector('h3')!.textContent!, box: boxOf(svg), marks, painted, texts };
      }),
    );
    expect(charts.length).toBe(7);
    for (const { shown, title, box, marks, painted, texts } of charts) {
      expect({ title, shown }).toEqual({ title, shown: 1 });
      expect(marks).toBeGreaterThan(5);
      expect(painted).toBe(marks);
      expect(box.left).toBeGreaterThanOrEqual(0);
      expect(box.right).toBeLessThanOrEqual(width);
      if (!title.startsWith('What the pages')) expect(texts.length).toBeGreaterThan(10);
      const clipped = texts.filter(
        ({ box: at }) =>
          at.left < box.left - 0.5 || at.right > box.right + 0.5 || at.top < box.top - 0.5 || at.bottom > box.bottom + 0.5,
      );
      expect({ title, clipped: clipped.map(({ text }) => text) }).toEqual({ title, clipped: [] });
      const meeting = texts.flatMap((a, i) =>
        texts
          .slice(i + 1)
          .filter(
            (b) => a.box.left < b.box.right && b.box.left < a.box.right && a.box.top < b.box.bottom && b.box.top < a.box.bottom,
          )
          .map((b) => `${a.text} × ${b.text}`),
      );
      expect({ title, meeting }).toEqual({ title, meeting: [] });
      for (const { fontPx } of texts) expect(fontPx).toBeGreaterThan(10.5);
    }
  }
});
