import type { DirtySample } from '../qmp/reports.js';
import { dirtyCurve } from './dirty-curve.js';
import { neededDowntimeMs, simulatePasses } from './qemu-rounds.js';

/** One round of pre-copy, as far as it is sent. */
export interface RoundFacts {
  readonly ms: number;
  /** Pages, and those among them that repeat one byte: QEMU sends nine bytes for such a page. */
  readonly pages: number;
  readonly fills: number;
  readonly wireBytes: number;
}

/** State of a migration in progress. */
export interface ForecastInput {
  readonly guestPages: number;
  /** Rounds that ended, in order. */
  readonly rounds: readonly RoundFacts[];
  /** The current round so far, and its pages in total where they are known. */
  readonly current: RoundFacts & { readonly totalPages?: number | undefined };
  /** Pages that the guest wrote in periods, the latest last; empty: not known yet. */
  readonly dirty: readonly DirtySample[];
  readonly downtimeLimitMs: number;
  /**
   * Assumed cost of a page that is sent again, as a fraction of one that is sent first, until a round has
   * shown it: 1 (default) where pages are sent whole, less where they are sent as changes.
   */
  readonly resendCost?: number;
}

/** Forecast of the end of a migration, counted from its first page. */
export interface Forecast {
  /** Duration of the first round. */
  readonly firstRoundMs: number;
  /** End of the migration; without a dirty rate the end of the first round, and never before it. */
  readonly endMs: number;
  readonly downtimeMs: number;
  /** Whether the remaining pages ever fit the downtime limit; undefined without a dirty rate. */
  readonly converges: boolean | undefined;
  /** Rounds in total, the last one with the guest stopped. */
  readonly rounds: number;
  /** The downtime at which it would end, if it does not converge. */
  readonly neededDowntimeMs: number;
}

/** Time of a page that repeats one byte, as a fraction of that of another page. */
const FILL_COST = 0.02;
/** Rounds with fewer pages say little about the next. */
const MIN_PAGES = 64;
/**
 * The pages that remain at the end of a round are those written during it only if QEMU synchronized its dirty
 * bitmap once, near the end: where its downtime limit is at most this fraction of the round.
 */
export const MAX_LIMIT_FRACTION = 0.1;
/** The weight of the latest round in the cost of a page. */
const LATEST_WEIGHT = 0.7;
/** `ForecastInput.resendCost` of agents, which send changes of pages that both sides cache. */
export const CACHED_RESEND_COST = 0.5;

/** Forecast the end of a pre-copy migration by QEMU's rule: see `simulatePasses`. */
export function forecast(input: ForecastInput): Forecast {
  const { rounds, current, guestPages, downtimeLimitMs, dirty } = input;
  const isFirst = rounds.length === 0;
  const pageMs = millisecondsPerPage(input);
  const doneMs = rounds.reduce((sum, { ms }) => sum + ms, 0);
  const written = dirtyCurve(dirty, guestPages);
  const expectedPages = isFirst ? guestPages : dirty.length > 0 ? written(rounds.at(-1)!.ms) : undefined;
  const totalPages = current.totalPages ?? expectedPages;
  const restMs = isFirst
    ? firstRoundRestMs(current, guestPages)
    : Math.max(0, (totalPages ?? current.pages) - current.pages) * pageMs;
  const roundMs = current.ms + restMs;
  const firstRoundMs = rounds[0]?.ms ?? roundMs;
  if (dirty.length === 0)
    return {
      ...{ firstRoundMs, endMs: doneMs + roundMs, downtimeMs: 0, converges: undefined },
      ...{ rounds: rounds.length + 1, neededDowntimeMs: 0 },
    };
  // The current round is the last one if what it has to send fits the limit.
  const isLast = !isFirst && totalPages !== undefined && totalPages * pageMs <= downtimeLimitMs;
  if (isLast)
    return {
      ...{ firstRoundMs, endMs: doneMs + roundMs, downtimeMs: totalPages * pageMs, converges: true },
      ...{ rounds: rounds.length + 1, neededDowntimeMs: totalPages * pageMs },
    };
  const facts = { passMs: roundMs, isFirst, pageMs, written, downtimeLimitMs };
  const { ms, downtimeMs, converges, passes } = simulatePasses(facts);
  return {
    firstRoundMs,
    endMs: doneMs + (isFirst ? 0 : roundMs) + ms,
    downtimeMs,
    converges,
    rounds: rounds.length + (isFirst ? 0 : 1) + passes,
    neededDowntimeMs: converges ? downtimeMs : neededDowntimeMs(facts),
  };
}

/** Expected ms of the rest of the first round: as many of its pages repeat one byte as before. */
function firstRoundRestMs({ ms, pages }: RoundFacts, guestPages: number): number {
  return pages > 0 ? (ms * Math.max(0, guestPages - pages)) / pages : 0;
}

/**
 * Expected ms of a page that is sent again: written pages seldom repeat one byte. The slowest of QEMU, the
 * agents and the link decides it.
 */
function millisecondsPerPage({ rounds, current, resendCost = 1 }: ForecastInput): number {
  const again = [...rounds.slice(1), ...(rounds.length > 0 ? [current] : [])].filter(
    ({ pages }) => pages >= MIN_PAGES,
  );
  const latest = again.at(-1);
  if (!latest) return resendCost * costOf(rounds[0] ?? current);
  const before = again.at(-2);
  return before ? LATEST_WEIGHT * costOf(latest) + (1 - LATEST_WEIGHT) * costOf(before) : costOf(latest);
}

function costOf({ ms, pages, fills }: RoundFacts): number {
  const count = pages - fills + FILL_COST * fills;
  return count > 0 ? ms / count : 0;
}
