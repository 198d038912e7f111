// Forecasts of simulated migrations, and their real ends, in virtual time.

import {
  CACHED_RESEND_COST,
  type Forecast,
  forecast,
  MAX_LIMIT_FRACTION,
  type RoundFacts,
} from '../../src/agent/forecast/forecast.js';
import type { DirtySample } from '../../src/agent/qmp/reports.js';
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
/** QEMU sends for this time before it looks again, in chunks of 32 pages. */
const ITERATION_MS = 50;
const CHUNK_PAGES = 32;
/** QEMU measures its rate over this time. */
const BANDWIDTH_MS = 100;

export async function simulateForecasts(run: ForecastRun): Promise<ForecastResult> {
  const spec = parseGuestSpec(run.guest);
  const forecasts: Found = {
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

/** What `migrate` finds. */
interface Found {
  half?: Forecast;
  afterRound: Forecast[];
  hasConverged: boolean;
}

/**
 * QEMU's rule, as `ram_save_pending` and `ram_save_iterate` have it: pages are sent in ascending order,
 * over and over, for 50 ms at a time. When fewer remain than the downtime limit allows at the present rate,
 * the pages written since the last look are added; the guest stops if they are fewer still.
 */
async function migrate(
  migration: Migration,
  { downtimeLimitMs, strategy }: ForecastRun,
  dirty: DirtySample[],
  into: Found,
): Promise<void> {
  const { guest } = migration;
  const rounds: RoundFacts[] = [];
  const resendCost = strategy === undefined ? 1 : CACHED_RESEND_COST;
  const input = { guestPages: guest.pages, downtimeLimitMs, rounds, dirty, resendCost };
  const isFill = fillsOf(guest);
  const bandwidth = new Bandwidth();
  const remaining = PageBitmap.full(guest.pages);
  let [cursor, fills, looks] = [0, 0, 0];
  const facts = (): RoundFacts => ({
    ms: migration.nowMs - migration.round.fromMs,
    pages: migration.round.pages,
    fills,
    wireBytes: migration.round.bytes,
  });
  migration.beginRound();
  for (;;) {
    const isLow = () => remaining.count === 0 || remaining.count * bandwidth.pageMs < downtimeLimitMs;
    if (isLow()) {
      remaining.addAll(migration.takeDirty());
      looks++;
      into.hasConverged = isLow();
      if (into.hasConverged) break;
    }
    const endsMs = migration.nowMs + ITERATION_MS;
    while (migration.nowMs < endsMs && remaining.count > 0) {
      const pages: number[] = [];
      while (pages.length < CHUNK_PAGES) {
        const page = remaining.next(cursor);
        if (page < 0) break;
        pages.push(page);
        cursor = page + 1;
      }
      if (pages.length === 0) {
        // An agent takes a page below the last one for the next round.
        endRound();
        cursor = 0;
        continue;
      }
      const sentFills = pages.filter(isFill).length;
      for (const page of pages) remaining.delete(page);
      await migration.send(pages);
      fills += sentFills;
      bandwidth.add(migration.nowMs, pages.length - sentFills);
      if (rounds.length === 0 && !into.half && migration.round.pages >= guest.pages / 2)
        into.half = forecast({ ...input, current: facts() });
    }
    if (rounds.length >= MAX_ROUNDS) break;
  }
  migration.stop();
  remaining.addAll(migration.takeDirty());
  await runFinalRound(migration, {}, remaining);

  function endRound(): void {
    const { ms, ...rest } = facts();
    const before = rounds.at(-1);
    rounds.push({ ms: Math.max(1, ms), ...rest });
    if (before) dirty.push({ ms: before.ms, pages: rest.pages });
    const isSample = looks === 1 && downtimeLimitMs <= MAX_LIMIT_FRACTION * rounds.at(-1)!.ms;
    const totalPages = isSample ? remaining.count : undefined;
    if (totalPages !== undefined) dirty.push({ ms: rounds.at(-1)!.ms, pages: totalPages });
    looks = 0;
    const current = { ms: 0, pages: 0, fills: 0, wireBytes: 0, totalPages };
    into.afterRound.push(forecast({ ...input, current }));
    migration.beginRound();
    fills = 0;
  }
}

/** QEMU's own estimate: what was sent in the last 100 ms or more. */
class Bandwidth {
  /** Ms of a page; not known before the first measurement. */
  pageMs = Infinity;
  private fromMs = 0;
  private pages = 0;

  add(nowMs: number, pages: number): void {
    this.pages += pages;
    const ms = nowMs - this.fromMs;
    if (ms < BANDWIDTH_MS || this.pages === 0) return;
    this.pageMs = ms / this.pages;
    this.fromMs = nowMs;
    this.pages = 0;
  }
}

function fillsOf(guest: Guest): (page: number) => boolean {
  const bytes = new Uint8Array(guest.pageBytes);
  return (page) => {
    guest.read(page, bytes);
    return bytes.every((byte) => byte === bytes[0]);
  };
}
