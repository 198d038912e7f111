// The page in a real browser: without a network, light and dark, wide and narrow.
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import type { TradeoffReport } from '../../src/analyze/tradeoff/report.js';
import { renderPage } from '../../src/report/html/tradeoff-page.js';
import { CHROMIUM, expectCharts, expectTheme, openPage, VIEWS, withBrowser } from './browser-checks.js';
import { fixtureReport } from './fixture.js';

if (!CHROMIUM)
  process.stderr.write(
    'test/report/browser.test.ts: skipped: Chromium is not installed (apt-get install chromium)\n',
  );

const report = fixtureReport();
/** Names as long as paths, without a break opportunity. */
const long = fixtureReport([
  `/srv/${'a-rather-long-folder-name/'.repeat(6)}guest.raw`,
  `${'x'.repeat(200)}.raw`,
]);
/** One link, and a custom strategy. */
const other: TradeoffReport = {
  ...report,
  links: report.links.slice(1, 2),
  workloads: report.workloads.map((workload) => ({
    ...workload,
    strategies: workload.strategies.map((strategy, i) => ({
      ...strategy,
      name: i === 1 ? "my-own-strategy-of-the-user's" : strategy.name,
      atLinks: strategy.atLinks.slice(1, 2),
    })),
    advice: workload.advice.slice(1, 2),
  })),
};

describe.skipIf(!CHROMIUM)('in a browser', () => {
  const { folder, browser } = withBrowser();

  const reports: [string, TradeoffReport][] = [
    ['two workloads', report],
    ['long names', long],
    ['one link', other],
  ];
  const views = reports.flatMap(([name, one]) => VIEWS.map((view) => ({ name, one, ...view })));
  test.each(views)('$name, $scheme, $width px wide', async ({ name, one, width, scheme }) => {
    const file = join(folder, `${name}.html`);
    fs.writeFileSync(file, renderPage(one));
    const page = await openPage(browser(), file, width, scheme);
    await expectTheme(page, scheme);
    await expectCharts(page, width, 10);
    await page.context().close();
  });
});
