// The simulation page in a real browser: without a network, light and dark, wide and narrow.
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { renderSimulationPage } from '../../src/report/html/simulation-page.js';
import type { SimulationReport } from '../../src/report/terminal/simulation.js';
import { CHROMIUM, expectCharts, expectTheme, openPage, VIEWS, withBrowser } from './browser-checks.js';
import { changed, simulatedReport } from './simulation-fixture.js';

if (!CHROMIUM)
  process.stderr.write(
    'test/report/simulation-browser.test.ts: skipped, there is no Chromium (apt-get install chromium)\n',
  );

const report = await simulatedReport([1e8, 1e9]);
const name = `/srv/${'a-rather-long-folder-name/'.repeat(6)}`;
/** Long names and numbers, unknown reasons, failures, and times of very different magnitude. */
const odd: SimulationReport = {
  ...changed({ ...report, links: report.links.slice(0, 1) }, (result, i) => ({
    technique: i === 3 ? `my-own-${'very-'.repeat(6)}technique` : result.technique,
    totalMs: result.totalMs * 10 ** (i % 7),
    downtimeMs: i === 5 ? 0 : result.downtimeMs * 10 ** (i % 5),
    bytes: result.bytes * 2 ** (2 * i),
    scale: 4096,
    ...(i % 6 === 5 && {
      verified: false,
      failed: 'the link was lost after 5 ms; the guest keeps running on the source',
    }),
    ...(i % 6 === 4 && {
      limitReached: 'did not converge: stopped after 29 rounds',
      guestSlowdown: 0.9,
      faults: 123_456,
    }),
    history: result.history.map((round) => ({
      ...round,
      deferred: { ...round.deferred, [`unknown reason ${i}`]: 100 },
    })),
  })),
  guest: { ...report.guest, name, scale: 4096 },
  command: `pageferry simulate --trace ${name}`,
};
/** One technique that hardly does anything. */
const single: SimulationReport = {
  ...report,
  links: report.links.slice(0, 1).map(({ link, results }) => ({ link, results: results.slice(0, 1) })),
};

describe.skipIf(!CHROMIUM)('in a browser', () => {
  const { folder, browser } = withBrowser();

  const reports: [string, SimulationReport, number][] = [
    ['every technique', report, 4],
    ['what seldom comes', odd, 2],
    ['one technique', single, 2],
  ];
  const views = reports.flatMap(([name, one, charts]) =>
    VIEWS.map((view) => ({ name, one, charts, ...view })),
  );
  test.each(views)('$name, $scheme, $width px wide', async ({ name, one, charts, width, scheme }) => {
    const file = join(folder, `${name}.html`);
    fs.writeFileSync(file, renderSimulationPage(one));
    const page = await openPage(browser(), file, width, scheme);
    await expectTheme(page, scheme);
    await expectCharts(
      page,
      width,
      charts,
      one === single ? { marks: 4, texts: 4 } : { marks: 40, texts: 40 },
    );
    const bars = await page.evaluate(() =>
      [...document.querySelectorAll('.deferred > li > svg')].map((svg) => {
        const { left, right, height } = svg.getBoundingClientRect();
        return {
          left,
          right,
          height,
          painted: [...svg.children].every((rect) => getComputedStyle(rect).fill !== 'none'),
        };
      }),
    );
    for (const { left, right, height, painted } of bars) {
      expect(left).toBeGreaterThanOrEqual(0);
      expect(right).toBeLessThanOrEqual(width);
      expect(height).toBeGreaterThan(8);
      expect(painted).toBe(true);
    }
    await page.context().close();
  });
});
