import { PageBitmap } from '../page/bitmap.js';
import type { Migration } from './migration.js';

/** Where a pre-copy ends, whatever its technique (Clark et al., NSDI 2005, as Xen has it). */
export const MAX_ROUNDS = 29;
const FEW_PAGES = 50;
const MAX_SENT = 3;
/** A round that has nothing to send waits so long before it looks at the dirty log again. */
const IDLE_ROUND_MS = 20;

/** What a technique changes in the pre-copy that all share. */
export interface PrecopyRules {
  /** Pages of the first round; all unless said. */
  first?(): PageBitmap;
  /** Why a page is left for a later round, or for the last; undefined: it is sent. `dirty`: it was written to in the last round. */
  leave?(page: number, round: number): string | undefined;
  /** Hears which pages were written to while a round went on. */
  ended?(dirty: PageBitmap, round: number): void;
  /** Sends pages in its own way, before the round's others; those that it deletes are done. */
  ahead?(pages: PageBitmap, round: number): Promise<void> | void;
  /** Whether the rounds end here for a reason of its own. */
  enough?(left: PageBitmap, round: number): boolean;
  /** A round takes at least so long: a technique that samples the dirty log needs something to see. */
  leastRoundMs?(round: number): number;
  /** In which order pages are sent; ascending unless said. */
  order?(pages: PageBitmap, round: number): Iterable<number>;
}

/**
 * Rounds of copying while the guest runs: a round sends what was written to during the last one, but not what was written to again
 * since (`to_send && !to_skip`). The rounds end when what is left fits the downtime limit, when fewer than 50 pages are left, after
 * 29 rounds, or when three times the memory was sent; the rest travels while the guest stands still.
 */
export async function precopy(migration: Migration, rules: PrecopyRules = {}): Promise<void> {
  const left = await rounds(migration, rules);
  if (migration.estimateDowntimeMs(left.count) > migration.settings.downtimeLimitMs)
    migration.gaveUp ??= 'did not converge: stopped with more left than fits the downtime limit';
  migration.stop();
  left.addAll(migration.takeDirty());
  await finalCopy(migration, rules, left);
}

/** The rounds of a pre-copy; returns what is left. The guest still runs. */
export async function rounds(migration: Migration, rules: PrecopyRules = {}): Promise<PageBitmap> {
  const { guest } = migration;
  migration.beginRound();
  const left = rules.first?.() ?? PageBitmap.full(guest.pages);
  const converge = new Converge(migration);
  for (let round = 1; ; round++) {
    if (round > 1) migration.beginRound();
    await oneRound(migration, rules, left, round);
    const dirty = migration.takeDirty();
    rules.ended?.(dirty, round);
    left.addAll(dirty);
    if (isEnough(migration, rules, left, round)) return left;
    converge.slow(dirty);
  }
}

/** Sends the rest of a guest that was stopped, and has it go on at the destination. */
export async function finalCopy(migration: Migration, rules: PrecopyRules, left: PageBitmap): Promise<void> {
  migration.beginRound();
  const round = migration.rounds.length;
  await rules.ahead?.(left, round);
  await migration.send(rules.order?.(left, round) ?? left);
  migration.compareAll();
  migration.resume();
}

/** Sends a round's pages; those that were sent leave `left`. */
async function oneRound(
  migration: Migration,
  rules: PrecopyRules,
  left: PageBitmap,
  round: number,
): Promise<void> {
  await rules.ahead?.(left, round);
  const isWanted = (page: number): boolean => {
    if (migration.dirty.has(page)) {
      migration.leave('written to again');
      return false;
    }
    const reason = rules.leave?.(page, round);
    if (reason !== undefined) {
      migration.leave(reason);
      return false;
    }
    left.delete(page);
    return true;
  };
  await migration.send(rules.order?.(left, round) ?? left, isWanted);
  const leastMs = rules.leastRoundMs?.(round) ?? (migration.round.pages === 0 ? IDLE_ROUND_MS : 0);
  migration.nowMs = Math.max(migration.nowMs, migration.round.fromMs + leastMs);
  migration.round.toMs = Math.max(migration.round.toMs, migration.nowMs);
}

function isEnough(migration: Migration, rules: PrecopyRules, left: PageBitmap, round: number): boolean {
  const { guest, settings } = migration;
  if (migration.estimateDowntimeMs(left.count) <= settings.downtimeLimitMs) return true;
  if (left.count * guest.pagesEach < FEW_PAGES || rules.enough?.(left, round)) return true;
  if (round === MAX_ROUNDS) migration.gaveUp = `did not converge: stopped after ${round} rounds`;
  else if (migration.pagesSent > MAX_SENT * guest.pages)
    migration.gaveUp = `did not converge: stopped when ${MAX_SENT} times its memory was sent`;
  return migration.gaveUp !== undefined;
}

/**
 * QEMU's auto-converge (migration/ram.c): when more than half of what a round sent was written to meanwhile, twice in a row, the guest
 * gets 20 % less time, then 10 % less at a time, down to 1 %.
 */
class Converge {
  private high = 0;
  private throttle = 0;

  constructor(private readonly migration: Migration) {}

  slow(dirty: PageBitmap): void {
    const { migration } = this;
    if (!migration.settings.autoConverge) return;
    this.high = dirty.count > migration.round.pages / 2 ? this.high + 1 : 0;
    if (this.high < 2) return;
    this.high = 0;
    this.throttle = Math.min(0.99, this.throttle === 0 ? 0.2 : this.throttle + 0.1);
    migration.clock.speed = 1 - this.throttle;
  }
}
