// Forecasts of simulated migrations, and their real ends, in virtual time.

import type { DirtySample } from '../../src/agent/forecast/dirty-curve.js';
import { CHANGES_COST, type Forecast, forecast, type RoundFacts } from '../../src/agent/forecast/forecast.js';
import { PageBitmap } from '../../src/page/bitmap.js';
import type { Guest, GuestSpec } from '../../src/simulate/guest.js';
import { GuestClock } from '../../src/simulate/guest-clock.js';
import { parseGuestSpec } from '../../src/simulate/guest-spec.js';
import type { Migration } from '../../src/simulate/migration.js';
import { runFinalRound } from '../../src/simulate/pre-copy.js';
import { simulate } from '../../src/simulate/simulate.js';
import type { Technique } from '../../src/simulate/technique.js';

/** One simulated migration by the rules of QEMU's pre-copy. */
export interface ForecastRun {
  /** Of `parseGuestSpec`. */
  readonly guest: string;
  readonly bitsPerSecond: number;
  readonly downtimeLimitMs: number;
  readonly seed: number;
  /** Strategy of the agents, or plain pre-copy. */
  readonly strategy?: string;
}

/** What was forecast, and what happened. */
export interface ForecastResult {
  /** In the middle of the first round, with a dirty rate measured over `SAMPLE_MS`. */
  readonly half: Forecast;
  /** At the end of each round. */
  readonly afterRound: readonly Forecast[];
  readonly endMs: number;
  readonly downtimeMs: number;
  readonly hasConverged: boolean;
}

/** As `calc-dirty-rate` with its shortest period. */
const SAMPLE_MS = 1000;
/** Rounds after which a migration counts as one that never ends. */
const MAX_ROUNDS = 12;
/** QEMU measures its rate over this time. */
const BANDWIDTH_MS = 100;

export async function simulateForecasts(run: ForecastRun): Promise<ForecastResult> {
  const spec = parseGuestSpec(run.guest);
  const forecasts: { half?: Forecast; afterRound: Forecast[]; hasConverged: boolean } = {
    afterRound: [],
    hasConverged: false,
  };
  // Before the migration, as QEMU would measure it: the same guest, with the same seed, on its own.
  const dirty: DirtySample[] = [await dirtySample(spec, run.seed)];
  const technique: Technique = {
    name: 'qemu',
    summary: "QEMU's pre-copy",
    reference: 'migration/ram.c',
    ...(run.strategy !== undefined && { strategy: run.strategy, dedup: 'similar' as const }),
    migrate: (migration) => migrate(migration, run, dirty, forecasts),
  };
  const result = await simulate({
    ...{ guest: spec, technique, seed: run.seed, downtimeLimitMs: run.downtimeLimitMs },
    link: { bitsPerSecond: run.bitsPerSecond, rttMs: 1 },
  });
  return {
    half: forecasts.half!,
    afterRound: forecasts.afterRound,
    hasConverged: forecasts.hasConverged,
    endMs: result.totalMs,
    downtimeMs: result.downtimeMs,
  };
}

async function dirtySample(spec: GuestSpec, seed: number): Promise<DirtySample> {
  const guest = await spec.open(seed);
  try {
    const clock = new GuestClock(guest);
    clock.run(SAMPLE_MS);
    return { ms: SAMPLE_MS, pages: clock.dirty.count };
  } finally {
    guest.close();
  }
}

async function migrate(
  migration: Migration,
  { downtimeLimitMs, strategy }: ForecastRun,
  dirty: DirtySample[],
  into: { half?: Forecast; afterRound: Forecast[]; hasConverged: boolean },
): Promise<void> {
  const { guest } = migration;
  const rounds: RoundFacts[] = [];
  const resendCost = strategy === undefined ? 1 : CHANGES_COST;
  const input = { guestPages: guest.pages, downtimeLimitMs, rounds, dirty, resendCost };
  const isFill = fillsOf(guest);
  let remaining = PageBitmap.full(guest.pages);
  for (;;) {
    migration.beginRound();
    const { fromMs } = migration.round;
    let fills = 0;
    const facts = (): RoundFacts => ({
      ms: migration.nowMs - fromMs,
      pages: migration.round.pages,
      fills,
      wireBytes: migration.round.bytes,
    });
    await migration.send(remaining, (page) => {
      if (isFill(page)) fills++;
      if (rounds.length === 0 && !into.half && migration.round.pages >= guest.pages / 2)
        into.half = forecast({ ...input, current: facts() });
      return true;
    });
    const { ms, ...rest } = facts();
    rounds.push({ ms: Math.max(1, ms), ...rest });
    remaining = migration.takeDirty();
    dirty.push({ ms: rounds.at(-1)!.ms, pages: remaining.count });
    const current = { ms: 0, pages: 0, fills: 0, wireBytes: 0, totalPages: remaining.count };
    into.afterRound.push(forecast({ ...input, current }));
    into.hasConverged = remaining.count * pageMs(rounds) <= downtimeLimitMs;
    if (into.hasConverged || rounds.length === MAX_ROUNDS) break;
  }
  migration.stop();
  remaining.addAll(migration.takeDirty());
  await runFinalRound(migration, {}, remaining);
}

/** QEMU's own estimate of a page's time: from its bytes in the last 100 ms. */
function pageMs(rounds: readonly RoundFacts[]): number {
  let [ms, pages] = [0, 0];
  for (const round of rounds.toReversed()) {
    ms += round.ms;
    pages += round.pages - round.fills;
    if (ms >= BANDWIDTH_MS && pages > 0) break;
  }
  return pages > 0 ? ms / pages : 0;
}

function fillsOf(guest: Guest): (page: number) => boolean {
  const bytes = new Uint8Array(guest.pageBytes);
  return (page) => {
    guest.read(page, bytes);
    return bytes.every((byte) => byte === bytes[0]);
  };
}
