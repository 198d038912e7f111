// Checks of a report page in a browser.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';

export const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => fs.existsSync(path),
);

export type Scheme = 'light' | 'dark';

/** Views: colour scheme and width. */
export const VIEWS = [1280, 390].flatMap((width) =>
  (['light', 'dark'] as const).map((scheme) => ({ width, scheme })),
);

/** Opens a browser and a folder for pages, for the tests of a block. */
export function withBrowser() {
  const folder = fs.mkdtempSync(join(tmpdir(), 'report-test-'));
  let browser: Browser;
  beforeAll(async () => {
    // Root cannot use the sandbox, and nothing is loaded from elsewhere.
    browser = await chromium.launch({
      executablePath: CHROMIUM!,
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    });
  });
  afterAll(async () => {
    await browser?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });
  return { folder, browser: () => browser };
}

/** Opens a file without a network: it loads nothing, logs nothing, and is not wider than the window. */
export async function openPage(browser: Browser, file: string, width: number, scheme: Scheme): Promise<Page> {
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
  return page;
}

/** Expects text and background colours of the reader’s colour scheme. */
export async function expectTheme(page: Page, scheme: 'light' | 'dark') {
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

/** Expects one visible drawing in each figure, with marks, and texts that are complete and do not overlap. */
export async function expectCharts(
  page: Page,
  width: number,
  count: number,
  least = { marks: 6, texts: 11 },
): Promise<void> {
  const charts = await page.evaluate(() =>
    [...document.querySelectorAll('figure:has(> .wide)')].map((figure) => {
      const shown = [...figure.querySelectorAll<SVGElement>('svg[role=img]')].filter((svg) =>
        svg.checkVisibility(),
      );
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
      const marks = svg.querySelectorAll('circle, path, rect, line').length;
      const painted = [...svg.querySelectorAll('circle, path, rect, line')].filter((mark) => {
        const { fill, stroke } = getComputedStyle(mark);
        return fill !== 'none' || stroke !== 'none';
      }).length;
      return {
        shown: shown.length,
        title: figure.querySelector('h3')!.textContent!,
        box: boxOf(svg),
        marks,
        painted,
        texts,
      };
    }),
  );
  expect(charts.length).toBe(count);
  for (const { shown, title, box, marks, painted, texts } of charts) {
    expect({ title, shown }).toEqual({ title, shown: 1 });
    expect(marks).toBeGreaterThanOrEqual(least.marks);
    expect(painted).toBe(marks);
    expect(box.left).toBeGreaterThanOrEqual(0);
    expect(box.right).toBeLessThanOrEqual(width);
    if (!title.startsWith('Pages by codec')) expect(texts.length).toBeGreaterThanOrEqual(least.texts);
    const clipped = texts.filter(
      ({ box: at }) =>
        at.left < box.left - 0.5 ||
        at.right > box.right + 0.5 ||
        at.top < box.top - 0.5 ||
        at.bottom > box.bottom + 0.5,
    );
    expect({ title, clipped: clipped.map(({ text }) => text) }).toEqual({ title, clipped: [] });
    const meeting = texts.flatMap((a, i) =>
      texts
        .slice(i + 1)
        .filter(
          (b) =>
            a.box.left < b.box.right &&
            b.box.left < a.box.right &&
            a.box.top < b.box.bottom &&
            b.box.top < a.box.bottom,
        )
        .map((b) => `${a.text} × ${b.text}`),
    );
    expect({ title, meeting }).toEqual({ title, meeting: [] });
    for (const { fontPx } of texts) expect(fontPx).toBeGreaterThan(10.5);
  }
}
