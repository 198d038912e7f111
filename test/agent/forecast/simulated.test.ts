// Forecasts against the real end of simulated migrations: six kinds of guests on five links.
import { describe, expect, test } from 'vitest';
import { type ForecastResult, simulateForecasts } from '../../../testing/forecast/simulated.js';

const GUESTS = ['idle', 'write-heavy', 'cache-heavy', 'diverging', 'bursty', 'return-visit'];
/** Bits per second, and how pages are sent; undefined: whole. */
const LINKS = [
  [1e8, 'adaptive'],
  [3e8, 'adaptive'],
  [1e9, 'adaptive'],
  [1e9, undefined],
  [1e10, 'fixed:lz4'],
] as const;
const RUNS = GUESTS.flatMap((guest) => LINKS.map(([rate, strategy]) => [guest, rate, strategy] as const));
const DOWNTIME_LIMIT_MS = 300;
const TOLERANCE = 0.2;

const name = (guest: string, rate: number, strategy: string | undefined) =>
  `${guest}, ${rate / 1e6} Mbit/s, ${strategy ?? 'plain'}`;
const results = new Map<string, Promise<ForecastResult>>();

function resultOf([guest, bitsPerSecond, strategy]: (typeof RUNS)[number]): Promise<ForecastResult> {
  const key = name(guest, bitsPerSecond, strategy);
  const result =
    results.get(key) ??
    simulateForecasts({
      ...{ guest: `${guest},sample=256`, bitsPerSecond, downtimeLimitMs: DOWNTIME_LIMIT_MS, seed: 7 },
      ...(strategy && { strategy }),
    });
  results.set(key, result);
  return result;
}

describe('after the first round', () => {
  test.each(RUNS)('%s at %d bit/s, %s', async (...run) => {
    const { afterRound, endMs, downtimeMs, hasConverged } = await resultOf(run);
    const first = afterRound[0];
    // QEMU stops the guest before the round ends where what remains of it fits the limit.
    if (!first) return expect(hasConverged).toBe(true);
    expect(first.converges).toBe(hasConverged);
    if (!hasConverged) {
      expect(first.neededDowntimeMs).toBeGreaterThan(DOWNTIME_LIMIT_MS);
      return;
    }
    expect(Math.abs(first.endMs - endMs) / endMs).toBeLessThan(TOLERANCE);
    expect(first.downtimeMs).toBeLessThanOrEqual(DOWNTIME_LIMIT_MS);
    expect(downtimeMs).toBeLessThanOrEqual(1.5 * DOWNTIME_LIMIT_MS);
  });
});

test('in the middle of the first round convergence is right', async () => {
  for (const { half, hasConverged } of await Promise.all(RUNS.map(resultOf)))
    expect(half.converges).toBe(hasConverged);
});

describe('a guest that does not converge', () => {
  const run = { guest: 'diverging,sample=256', bitsPerSecond: 1e9, seed: 7 };

  test('the downtime that it needs is known after the second round: with a third less QEMU goes on, with more it ends', async () => {
    const { afterRound } = await simulateForecasts({ ...run, downtimeLimitMs: DOWNTIME_LIMIT_MS });
    const { neededDowntimeMs: needed } = afterRound[1]!;
    const [less, more] = await Promise.all(
      [0.65, 1.2].map((factor) => simulateForecasts({ ...run, downtimeLimitMs: factor * needed })),
    );
    expect([less!.hasConverged, more!.hasConverged]).toEqual([false, true]);
    for (const later of afterRound.slice(2))
      expect(Math.abs(later.neededDowntimeMs / needed - 1)).toBeLessThan(TOLERANCE);
  });
});
