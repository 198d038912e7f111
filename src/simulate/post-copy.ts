import type { PageBitmap } from '../page/bitmap.js';
import type { Migration } from './migration.js';

/** Ms that the guest runs at most between two yields to other events. */
const STEP_MS = 10_000;
/** Pages of one push: a faulted page waits for at most one push. */
const PUSH_PAGES = 32;
/** Most recent faults around which pages are pushed. */
const MAX_PIVOTS = 7;

/** Options of the post-copy phase. */
export interface PostCopyRules {
  /** Push the pages around the last faults first (bubbling); otherwise in ascending order. */
  readonly bubbling: boolean;
}

/** Pages in flight, and when they arrive. */
interface InFlight {
  readonly pages: readonly number[];
  readonly atMs: number;
}

/**
 * Run the post-copy phase of a guest that already runs at the destination: every page of `missing` is sent
 * exactly once, faulted pages first. Call it after `stop` and `resume`.
 */
export async function runPostCopy(
  migration: Migration,
  missing: PageBitmap,
  rules: PostCopyRules,
): Promise<void> {
  const guest = new FaultingGuest(migration, missing);
  const unsent = missing.clone();
  const order = new PushOrder(unsent, rules.bubbling);
  const { rttMs } = migration.settings.link;
  migration.beginRound();
  migration.nowMs = Math.max(migration.nowMs, migration.link.freeAtMs);
  while (unsent.count > 0) {
    await guest.runInSteps(migration.nowMs - rttMs / 2);
    const pages: number[] = [];
    for (const page of guest.requests(migration.nowMs - rttMs / 2)) {
      order.addPivot(page);
      if (unsent.delete(page)) pages.push(page);
    }
    if (pages.length > 0) migration.defer('requested by the guest', pages.length);
    order.fill(pages, PUSH_PAGES);
    const sentAt = await migration.sendBatch(pages, 0);
    for (const page of pages) migration.compare(page);
    guest.inFlight.push({ pages, atMs: sentAt });
  }
  await guest.runInSteps(migration.settledAtMs);
  migration.faults += guest.faults;
}

/** Order of the pushes: outward from the pivots, which are the pages of the last faults. */
class PushOrder {
  private readonly pivots: { left: number; right: number }[] = [];
  private next = 0;

  constructor(
    private readonly unsent: PageBitmap,
    private readonly bubbling: boolean,
  ) {}

  /** Add the page of a fault as the latest pivot. */
  addPivot(page: number): void {
    if (!this.bubbling) return;
    this.pivots.unshift({ left: page - 1, right: page + 1 });
    if (this.pivots.length > MAX_PIVOTS) this.pivots.pop();
  }

  /** Add unsent pages until there are `count`. */
  fill(pages: number[], count: number): void {
    while (pages.length < count && this.unsent.count > 0) {
      const page = this.around() ?? this.ascending();
      this.unsent.delete(page);
      pages.push(page);
    }
  }

  /** Return the unsent page closest to the latest pivot, alternating between both sides. */
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

  /** Return the next unsent page in ascending order, from the beginning again after the last. */
  private ascending(): number {
    const page = this.unsent.next(this.next);
    this.next = page < 0 ? 0 : page + 1;
    return page < 0 ? this.unsent.next(0) : page;
  }
}

/** The guest at the destination: runs until it touches a missing page, requests it and waits. */
class FaultingGuest {
  readonly inFlight: InFlight[] = [];
  faults = 0;
  private ranToMs: number;
  private waiting: { page: number; atMs: number } | undefined;
  private requested: { page: number; atMs: number }[] = [];

  constructor(
    private readonly migration: Migration,
    /** Pages not in the destination's memory. */
    private readonly missing: PageBitmap,
  ) {
    this.ranToMs = migration.nowMs;
  }

  /** Return the pages requested until `toMs`, each once. */
  requests(toMs: number): number[] {
    const pages = this.requested.filter(({ atMs }) => atMs <= toMs).map(({ page }) => page);
    this.requested = this.requested.filter(({ atMs }) => atMs > toMs);
    return pages;
  }

  /** Run the guest up to `toMs`, over a long time in steps, with a yield between two. */
  async runInSteps(toMs: number): Promise<void> {
    for (; toMs - this.ranToMs > STEP_MS; await this.migration.yieldIfDue())
      this.runTo(this.ranToMs + STEP_MS);
    this.runTo(toMs);
  }

  /** Run the guest up to `toMs`; pages in flight arrive meanwhile. */
  private runTo(toMs: number): void {
    this.ranToMs = Math.max(this.ranToMs, toMs);
    for (;;) {
      const next = this.inFlight[0];
      const until = next ? Math.min(next.atMs, toMs) : toMs;
      if (!this.waiting) {
        const fault = this.migration.runAtDestination(until, this.missing);
        if (fault) {
          this.waiting = fault;
          this.faults++;
          if (!this.inFlight.some(({ pages }) => pages.includes(fault.page))) this.requested.push(fault);
        }
      }
      if (!next || next.atMs > toMs) return;
      this.inFlight.shift();
      for (const page of next.pages) this.missing.delete(page);
      if (this.waiting && !this.missing.has(this.waiting.page)) {
        this.migration.guestWaited(this.waiting.atMs, next.atMs);
        this.waiting = undefined;
      }
    }
  }
}
