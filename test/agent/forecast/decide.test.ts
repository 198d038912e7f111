import { expect, test } from 'vitest';
import { type Controls, decide, type MigrationLimits } from '../../../src/agent/forecast/decide.js';
import type { Forecast } from '../../../src/agent/forecast/forecast.js';

const forecast = (converges: boolean | undefined, endMs: number, neededDowntimeMs: number): Forecast => ({
  ...{ firstRoundMs: 1000, endMs, converges, neededDowntimeMs, downtimeMs: neededDowntimeMs, rounds: 4 },
});
const CONTROLS: Controls = {
  ...{ downtimeLimitMs: 300, hasPostcopy: false, hasAutoConverge: false, isFirstRoundOver: true },
};
const DIVERGES = forecast(false, 60_000, 800);

/** Converges from a downtime of 800 ms on, faster for more. */
const withLimit = (ms: number) => forecast(ms >= 800, ms >= 2000 ? 10_000 : 20_000, Math.min(ms, 800));

function decided(found: Forecast, limits: MigrationLimits, controls: Partial<Controls> = {}) {
  return decide(found, limits, { ...CONTROLS, ...controls }, withLimit);
}

test('nothing to do: within the limits, or not known yet', () => {
  expect(decided(forecast(true, 5000, 100), { maxTotalMs: 6000 })).toBeUndefined();
  expect(decided(forecast(undefined, 5000, 0), { maxTotalMs: 6000 })).toBeUndefined();
});

test('the downtime limit is raised as far as the forecast needs it, with a margin', () => {
  expect(decided(DIVERGES, { maxDowntimeMs: 5000 })).toMatchObject({ kind: 'downtime-limit', ms: 1000 });
  expect(decided(DIVERGES, { maxDowntimeMs: 900 })).toMatchObject({ kind: 'downtime-limit', ms: 900 });
  expect(decided(DIVERGES, { maxDowntimeMs: 5000, maxTotalMs: 15_000 })).toMatchObject({ ms: 5000 });
});

test('nothing before the end of the first round', () => {
  for (const limits of [{ maxDowntimeMs: 5000 }, { maxTotalMs: 1000 }])
    expect(decided(DIVERGES, limits, { hasPostcopy: true, isFirstRoundOver: false })).toBeUndefined();
});

test('post-copy where no downtime within the limit is enough', () => {
  const limits = { maxDowntimeMs: 500 };
  const hasPostcopy = true;
  expect(decided(DIVERGES, limits, { hasPostcopy })?.kind).toBe('post-copy');
  const slow = decided(forecast(true, 90_000, 100), { maxTotalMs: 30_000 }, { hasPostcopy });
  expect(slow).toEqual({ kind: 'post-copy', reason: 'pre-copy would end after 90 s, the limit is 30 s' });
});

test('throttling where QEMU may do that only; else what the operator can do', () => {
  expect(decided(DIVERGES, { maxTotalMs: 1000 }, { hasAutoConverge: true })?.kind).toBe('throttle');
  expect(decided(DIVERGES, { maxTotalMs: 1000 })).toEqual({
    kind: 'none',
    reason:
      'pre-copy does not converge within a downtime of 300 ms: it needs 800 ms; raise --max-downtime, or turn on postcopy-ram or auto-converge before the migration',
  });
});
