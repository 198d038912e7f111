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
/**
 * It writes whole pages about as fast as the link carries them: whether it converges depends on the cost of a
 * page that is sent again, which no round has shown yet.
 */
const UNCERTAIN = 'diverging, 1000 Mbit/s, adaptive';

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

const certain = RUNS.filter((run) => name(...run) !== UNCERTAIN);

describe('after the first round', () => {
  test.each(certain)('%s at %d bit/s, %s', async (...run) => {
    const { afterRound, endMs, downtimeMs, hasConverged } = await resultOf(run);
    const first = afterRound[0]!;
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

test('in the middle of the first round convergence is right for nine of ten guests', async () => {
  const all = await Promise.all(certain.map(resultOf));
  const right = all.filter(({ half, hasConverged }) => half.converges === hasConverged);
  expect(right.length).toBeGreaterThanOrEqual(0.9 * certain.length);
});

test('the uncertain guest is known after the second round', async () => {
  const { afterRound, hasConverged } = await resultOf(RUNS.find((run) => name(...run) === UNCERTAIN)!);
  expect(afterRound.length).toBeGreaterThan(2);
  expect(afterRound.at(-1)!.converges).toBe(hasConverged);
});
