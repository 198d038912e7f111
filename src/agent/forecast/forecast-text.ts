import type { ForecastLine } from '../forecast-line.js';
import type { Forecast } from './forecast.js';

/** Return the numbers of a forecast that was made `nowMs` after the start of the migration. */
export function forecastLine(made: Forecast, downtimeLimitMs: number, nowMs: number): ForecastLine {
  return {
    endMs: Math.round(Math.max(made.endMs, nowMs)),
    remainingMs: Math.round(Math.max(0, made.endMs - nowMs)),
    downtimeMs: Math.round(made.downtimeMs),
    converges: made.converges ?? null,
    downtimeLimitMs: Math.round(downtimeLimitMs),
    rounds: made.rounds,
  };
}

/** `forecast: round 1 ended; the migration ends in 2.1 s (after 8.4 s), downtime 120 ms of at most 300 ms` */
export function forecastText(event: string, line: ForecastLine, hasMonitor: boolean): string {
  const { endMs, remainingMs, downtimeMs, converges, downtimeLimitMs, rounds } = line;
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const prefix = `forecast: ${event}; `;
  if (converges === null) {
    const source = hasMonitor ? 'the third round' : '--qmp, or the third round';
    return `${prefix}${rounds > 1 ? 'this' : 'the first'} round ends after ${seconds(endMs)}; the dirty rate is not known yet (${source} shows it)`;
  }
  if (!converges)
    return `${prefix}pre-copy does not converge: it needs a downtime of ${downtimeMs} ms, the limit is ${downtimeLimitMs} ms`;
  return `${prefix}the migration ends in ${seconds(remainingMs)} (after ${seconds(endMs)}), downtime ${downtimeMs} ms of at most ${downtimeLimitMs} ms`;
}
