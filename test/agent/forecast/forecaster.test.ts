// The forecasts of one migration, from counts alone and with a fake of QEMU's monitor.
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { forecastText } from '../../../src/agent/forecast/forecast-text.js';
import { Forecaster, type ForecasterOptions } from '../../../src/agent/forecast/forecaster.js';
import type { ForecastLine } from '../../../src/agent/forecast-line.js';
import { AgentMetrics } from '../../../src/agent/metrics.js';
import type { RoundLine } from '../../../src/agent/round-stats.js';
import { emptyCounts } from '../../../src/engine/frame/counters.js';
import { testFolder } from '../../image/support.js';
import { FakeMonitor } from '../../support/fake-monitor.js';

const path = join(testFolder(), 'qmp');
const PAGES = 10_000;
let monitor: FakeMonitor | undefined;
let stop = new AbortController();
afterEach(async () => {
  stop.abort();
  stop = new AbortController();
  await monitor?.close();
});

const round = (number: number, ms: number, pages: number): RoundLine => ({
  ...{ migration: 1, round: number, ms, pages, streamBytes: 4104 * pages, wireBytes: 1000 * pages },
  ...{ linkBitsPerSecond: 1e9, inFlightBytes: 0, codecs: {} },
});

function forecaster(options: Partial<ForecasterOptions> = {}) {
  const log: string[] = [];
  const rounds: RoundLine[] = [];
  const sent = { pages: 0 };
  const made = new Forecaster({
    counts: () => ({ pages: sent.pages, wireBytes: 0, codecs: emptyCounts() }),
    guestPages: () => PAGES,
    ...{ cacheBytes: 2 ** 30, isOver: () => false, signal: stop.signal },
    log: (level, message) => log.push(`${level}: ${message}`),
    onRound: (line) => rounds.push(line),
    ...options,
  });
  return { forecaster: made, log, rounds, sent };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('from the stream alone: the first round, then its end without and with the dirty rate', async () => {
  const { forecaster: made, log, rounds, sent } = forecaster();
  sent.pages = PAGES / 2;
  await until(() => log.length > 0);
  expect(log[0]).toMatch(
    /^info: forecast: half of the memory is read; the first round ends after \d+\.\d s; the dirty rate is not known yet \(--qmp, or the third round shows it\)$/,
  );
  made.addRound(round(0, 2000, PAGES));
  expect(rounds[0]?.forecast).toMatchObject({ converges: null });
  made.addRound(round(1, 200, 500));
  // One round that was sent again does not show how many pages are written in a shorter time.
  expect(rounds[1]?.forecast).toMatchObject({ converges: null });
  made.addRound(round(2, 30, 100));
  expect(rounds[2]?.forecast).toMatchObject({ converges: true, downtimeLimitMs: 300 });
  expect(made.latest).toEqual(rounds[2]?.forecast);
});

test('the end of the stream ends forecasts: the last round has none', () => {
  const { forecaster: made, log, rounds } = forecaster({ isOver: () => true });
  made.addRound(round(0, 2000, PAGES));
  expect([rounds.length, rounds[0]?.forecast, log]).toEqual([1, undefined, []]);
});

test('with the monitor: the dirty rate in the first round, and the downtime limit is raised', async () => {
  monitor = await FakeMonitor.listening(path, {
    'query-dirty-rate': { status: 'measured', 'dirty-rate': 40 },
    'query-migrate': { status: 'active', ram: { remaining: 4096 * 9000 } },
  });
  const qmp = { address: { path }, maxDowntimeMs: 100_000 };
  const { forecaster: made, log, rounds, sent } = forecaster({ qmp });
  await until(() => monitor!.commands.some(({ execute }) => execute === 'query-dirty-rate'));
  sent.pages = PAGES / 2;
  await until(() => log.length > 0);
  expect(log[0]).toMatch(/forecast: half of the memory is read; (pre-copy does not|the migration ends)/);
  made.addRound(round(0, 20_000, PAGES));
  await made.reported();
  expect(rounds[0]?.forecast).toMatchObject({ converges: false, downtimeLimitMs: 300 });
  await until(() => log.some((line) => line.includes('raised')));
  const [set] = monitor.commands.filter(({ execute }) => execute === 'migrate-set-parameters');
  expect(set?.arguments).toEqual({ 'downtime-limit': expect.any(Number) });
});

test('a monitor that is not there: logged once, and the forecasts go on', async () => {
  const { forecaster: made, log, rounds } = forecaster({ qmp: { address: { path: `${path}.none` } } });
  await until(() => log.length > 0);
  expect(log).toEqual([
    expect.stringMatching(/^warn: QMP at unix:.*ENOENT.*; forecasts use the stream alone$/),
  ]);
  made.addRound(round(0, 2000, PAGES));
  expect(rounds).toHaveLength(1);
});

test('text and metrics of a forecast that does not converge', () => {
  const line: ForecastLine = {
    ...{
      endMs: 60_000,
      remainingMs: 58_000,
      downtimeMs: 820,
      converges: false,
      downtimeLimitMs: 300,
      rounds: 60,
    },
  };
  const unknown = { ...line, converges: null, rounds: 1 };
  expect(forecastText('half is read', unknown, true)).toBe(
    'forecast: half is read; the first round ends after 60.0 s; the dirty rate is not known yet (the third round shows it)',
  );
  expect(forecastText('round 1 ended', line, true)).toBe(
    'forecast: round 1 ended; pre-copy does not converge: it needs a downtime of 820 ms, the limit is 300 ms',
  );
  const meters = new AgentMetrics();
  expect(meters.text('source')).not.toContain('forecast');
  const counts = { streamBytes: 0, wireBytes: 0, pages: 0, codecs: emptyCounts() };
  meters.begin().observe(() => ({ ...counts, forecast: line }));
  expect(meters.text('source')).toContain('pageferry_forecast_remaining_seconds{role="source"} 58\n');
  expect(meters.text('source')).toContain('pageferry_forecast_downtime_seconds{role="source"} 0.82\n');
  expect(meters.text('source')).toContain('pageferry_forecast_diverging{role="source"} 1\n');
});
