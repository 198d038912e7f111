import { PageBitmap } from '../page/bitmap.js';
import type { Migration } from './migration.js';

/**
 * Limits of every pre-copy, those of Xen (Clark et al., NSDI 2005): most rounds, fewest pages of a further
 * round, and most pages sent, in multiples of the memory.
 */
export const MAX_ROUNDS = 29;
const MIN_PAGES = 50;
const MAX_MEMORY_SENT = 3;
/** Ms that a round without anything to send waits before it reads the dirty log again. */
const IDLE_ROUND_MS = 20;

/** Rules by which a technique changes pre-copy. All members are optional. */
export interface PreCopyRules {
  /** Return the pages of the first round; default all. */
  firstPages?(): PageBitmap;
  /** Return why a page is deferred to a later round, or undefined to send it. */
  deferReason?(page: number, round: number): string | undefined;
  /** Called with the pages written during a round, after it. */
  onRound?(dirty: PageBitmap, round: number): void;
  /** Called before a round's pages are sent. It deletes the pages that it sends from `pages`. */
  beforeRound?(pages: PageBitmap, round: number): Promise<void> | void;
  /** Return whether the technique ends the rounds after this one. */
  isDone?(remaining: PageBitmap, round: number): boolean;
  /** Return the minimum length of a round, in ms, for techniques that sample the dirty log. */
  minRoundMs?(round: number): number;
  /** Return the order in which pages are sent; default ascending. */
  order?(pages: PageBitmap, round: number): Iterable<number>;
}

/**
 * Migrate by pre-copy: rounds of copying while the guest runs. A round sends the pages written during the
 * one before, except those already written again (`to_send && !to_skip`). The rounds end when the remaining
 * pages are expected to fit the downtime limit, at fewer than 50 pages, after 29 rounds, or when three times
 * the memory was sent; the rest is sent while the guest is stopped.
 */
export async function runPreCopy(migration: Migration, rules: PreCopyRules = {}): Promise<void> {
  const remaining = await runRounds(migration, rules);
  if (migration.estimateDowntimeMs(remaining.count) > migration.settings.downtimeLimitMs)
    migration.limitReached ??= 'did not converge: stopped with more pages than fit the downtime limit';
  migration.stop();
  remaining.addAll(migration.takeDirty());
  await runFinalRound(migration, rules, remaining);
}

/** Run the rounds of a pre-copy and return the remaining pages. The guest still runs. */
export async function runRounds(migration: Migration, rules: PreCopyRules = {}): Promise<PageBitmap> {
  const { guest } = migration;
  migration.beginRound();
  const remaining = rules.firstPages?.() ?? PageBitmap.full(guest.pages);
  const converge = new AutoConverge(migration);
  for (let round = 1; ; round++) {
    if (round > 1) migration.beginRound();
    await migration.yieldIfDue();
    await runRound(migration, rules, remaining, round);
    const dirty = migration.takeDirty();
    rules.onRound?.(dirty, round);
    remaining.addAll(dirty);
    if (shouldEnd(migration, rules, remaining, round)) return remaining;
    converge.update(dirty);
  }
}

/** Send the remaining pages of a stopped guest and resume it at the destination. */
export async function runFinalRound(
  migration: Migration,
  rules: PreCopyRules,
  remaining: PageBitmap,
): Promise<void> {
  migration.beginRound();
  const round = migration.rounds.length;
  await rules.beforeRound?.(remaining, round);
  await migration.send(rules.order?.(remaining, round) ?? remaining);
  await migration.compareAll();
  migration.resume();
}

/** Send a round's pages and delete them from `remaining`. */
async function runRound(
  migration: Migration,
  rules: PreCopyRules,
  remaining: PageBitmap,
  round: number,
): Promise<void> {
  await rules.beforeRound?.(remaining, round);
  const isWanted = (page: number): boolean => {
    if (migration.dirty.has(page)) {
      migration.defer('written again');
      return false;
    }
    const reason = rules.deferReason?.(page, round);
    if (reason !== undefined) {
      migration.defer(reason);
      return false;
    }
    remaining.delete(page);
    return true;
  };
  await migration.send(rules.order?.(remaining, round) ?? remaining, isWanted);
  const minMs = rules.minRoundMs?.(round) ?? (migration.round.pages === 0 ? IDLE_ROUND_MS : 0);
  migration.nowMs = Math.max(migration.nowMs, migration.round.fromMs + minMs);
  migration.round.toMs = Math.max(migration.round.toMs, migration.nowMs);
}

/** Return whether the rounds end after this one; set `limitReached` if a limit ends them. */
function shouldEnd(migration: Migration, rules: PreCopyRules, remaining: PageBitmap, round: number): boolean {
  const { guest, settings } = migration;
  if (migration.estimateDowntimeMs(remaining.count) <= settings.downtimeLimitMs) return true;
  if (remaining.count * guest.scale < MIN_PAGES || rules.isDone?.(remaining, round)) return true;
  if (round === MAX_ROUNDS) migration.limitReached = `did not converge: stopped after ${round} rounds`;
  else if (migration.pagesSent > MAX_MEMORY_SENT * guest.pages)
    migration.limitReached = `did not converge: stopped after sending ${MAX_MEMORY_SENT} times the memory`;
  return migration.limitReached !== undefined;
}

/**
 * QEMU's auto-converge (migration/ram.c): when twice in a row more than half of a round was written
 * meanwhile, the guest is throttled by 20 %, then by 10 % more each time, up to 99 %.
 */
class AutoConverge {
  private high = 0;
  private throttle = 0;

  constructor(private readonly migration: Migration) {}

  /** Throttle the guest if two rounds in a row had too many dirty pages. */
  update(dirty: PageBitmap): void {
    const { migration } = this;
    if (!migration.settings.autoConverge) return;
    this.high = dirty.count > migration.round.pages / 2 ? this.high + 1 : 0;
    if (this.high < 2) return;
    this.high = 0;
    this.throttle = Math.min(0.99, this.throttle === 0 ? 0.2 : this.throttle + 0.1);
    migration.throttle(this.throttle);
  }
}
