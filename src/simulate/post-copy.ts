import type { PageBitmap } from '../page/bitmap.js';
import type { Migration } from './migration.js';

/** Pages that are pushed at once: a fault waits behind as many at most. */
const PUSHED = 32;
const KNOWN_PIVOTS = 7;

/** How pages are pushed to a guest that runs at the destination already. */
export interface PostcopyRules {
  /** Whether the pages around those that the guest asked for come first (bubbling); otherwise in ascending order. */
  readonly bubbling: boolean;
}

/** Pages under way to the destination, and when they are there. */
interface Underway {
  readonly pages: readonly number[];
  readonly atMs: number;
}

/**
 * Post-copy of a guest that goes on at the destination: every page of `missing` is sent exactly once, those that the guest waits for
 * first. Call it after the guest was stopped and resumed.
 */
export async function postcopy(
  migration: Migration,
  missing: PageBitmap,
  rules: PostcopyRules,
): Promise<void> {
  const destination = new FaultingGuest(migration, missing);
  const unsent = missing.clone();
  const order = new PushOrder(unsent, rules.bubbling);
  const { rttMs } = migration.settings.link;
  migration.beginRound();
  migration.nowMs = Math.max(migration.nowMs, migration.link.freeAtMs);
  while (unsent.count > 0) {
    destination.runTo(migration.nowMs - rttMs / 2);
    const pages: number[] = [];
    for (const page of destination.requests(migration.nowMs - rttMs / 2)) {
      order.pivot(page);
      if (unsent.delete(page)) pages.push(page);
    }
    if (pages.length > 0) migration.leave('asked for by the guest', pages.length);
    order.fill(pages, PUSHED);
    const sentAt = await migration.batch(pages, 0);
    for (const page of pages) migration.transfer.compare(page);
    destination.underway.push({ pages, atMs: sentAt });
  }
  destination.runTo(migration.settledAtMs);
  migration.faults += destination.faults;
}

/** The order in which pages are pushed: outward from pivots, the pages that the guest asked for last. */
class PushOrder {
  private readonly pivots: { left: number; right: number }[] = [];
  private next = 0;

  constructor(
    private readonly unsent: PageBitmap,
    private readonly bubbling: boolean,
  ) {}

  pivot(page: number): void {
    if (!this.bubbling) return;
    this.pivots.unshift({ left: page - 1, right: page + 1 });
    if (this.pivots.length > KNOWN_PIVOTS) this.pivots.pop();
  }

  /** Takes unsent pages until there are `count`. */
  fill(pages: number[], count: number): void {
    while (pages.length < count && this.unsent.count > 0) {
      const page = this.around() ?? this.ascending();
      this.unsent.delete(page);
      pages.push(page);
    }
  }

  /** The unsent page closest to the latest pivot, one side and the other in turn. */
  private around(): number | undefined {
    const pivot = this.pivots[0];
    if (!pivot) return undefined;
    const right = this.unsent.next(Math.max(0, pivot.right));
    const left = this.unsent.previous(pivot.left);
    const center = (pivot.left + pivot.right) / 2;
    const page = left < 0 || (right >= 0 && right - center <= center - left) ? right : left;
    if (page > center) pivot.right = page + 1;
    else pivot.left = page - 1;
    return page < 0 ? undefined : page;
  }

  private ascending(): number {
    const page = this.unsent.next(this.next);
    this.next = page < 0 ? 0 : page + 1;
    return page < 0 ? this.unsent.next(0) : page;
  }
}

/** The guest at the destination: runs until it comes upon a page that is not there, asks for it and waits. */
class FaultingGuest {
  readonly underway: Underway[] = [];
  faults = 0;
  private waiting: { page: number; atMs: number } | undefined;
  private asked: { page: number; atMs: number }[] = [];

  constructor(
    private readonly migration: Migration,
    /** Pages that are not in the destination's memory. */
    private readonly missing: PageBitmap,
  ) {}

  /** Pages that the guest asked for until `toMs`, each once. */
  requests(toMs: number): number[] {
    const pages = this.asked.filter(({ atMs }) => atMs <= toMs).map(({ page }) => page);
    this.asked = this.asked.filter(({ atMs }) => atMs > toMs);
    return pages;
  }

  runTo(toMs: number): void {
    for (;;) {
      const next = this.underway[0];
      const until = next ? Math.min(next.atMs, toMs) : toMs;
      if (!this.waiting) {
        const fault = this.migration.clock.runAtDestination(until, this.missing);
        if (fault) {
          this.waiting = fault;
          this.faults++;
          if (!this.underway.some(({ pages }) => pages.includes(fault.page))) this.asked.push(fault);
        }
      }
      if (!next || next.atMs > toMs) return;
      this.underway.shift();
      for (const page of next.pages) this.missing.delete(page);
      if (this.waiting && !this.missing.has(this.waiting.page)) {
        this.migration.clock.waited(this.waiting.atMs, next.atMs);
        this.waiting = undefined;
      }
    }
  }
}
