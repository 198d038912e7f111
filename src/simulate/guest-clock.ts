import { PageBitmap } from '../page/bitmap.js';
import { badArgument } from '../page/error.js';
import type { Guest } from './guest.js';

/** Ms that the guest runs at most between two yields to other events, where it is further behind. */
const STEP_MS = 10_000;

/** Runs a guest by the migration's clock: at the source until it is stopped, then at the destination. */
export class GuestClock {
  /** Pages written since the bitmap was cleared. */
  readonly dirty: PageBitmap;
  /** Speed of the guest; below 1 while it is throttled. */
  speed = 1;
  /** Ms that the running guest lost, by waiting for pages or by throttling. */
  lostMs = 0;
  private guestMs = 0;
  private clockMs = 0;

  constructor(private readonly guest: Guest) {
    this.dirty = new PageBitmap(guest.pages);
  }

  /** Run the guest at the source up to `toMs` of the clock. */
  run(toMs: number): void {
    const untilGuestMs = this.guestMs + (toMs - this.clockMs) * this.speed;
    this.lostMs += (toMs - this.clockMs) * (1 - this.speed);
    this.checkTime(untilGuestMs);
    this.guestMs = this.guest.run(untilGuestMs, (page, write) => {
      if (write) this.dirty.add(page);
      return true;
    });
    this.clockMs = toMs;
  }

  /** Resume the guest at `ms`; it does not run up to then. */
  resumeAt(ms: number): void {
    this.clockMs = ms;
  }

  /**
   * Run the guest at the destination. Return the page fault, if it touched a page that is `missing`, and
   * its time.
   */
  runAtDestination(toMs: number, missing: PageBitmap): { page: number; atMs: number } | undefined {
    if (toMs <= this.clockMs) return undefined;
    this.checkTime(this.guestMs + toMs);
    let fault = -1;
    const reached = this.guest.run(this.guestMs + (toMs - this.clockMs), (page) => {
      if (!missing.has(page)) return true;
      fault = page;
      return false;
    });
    this.clockMs += reached - this.guestMs;
    this.guestMs = reached;
    if (fault >= 0) return { page: fault, atMs: this.clockMs };
    this.clockMs = toMs;
    return undefined;
  }

  /** Where the guest is far behind `toMs`, run it at the source in steps, with a yield between two. */
  async catchUp(toMs: number, yieldIfDue: () => Promise<void>): Promise<void> {
    this.checkTime(toMs);
    while (toMs - this.clockMs > STEP_MS) {
      this.run(this.clockMs + STEP_MS);
      await yieldIfDue();
    }
  }

  /** Record that the guest waited for a page. */
  waited(sinceMs: number, untilMs: number): void {
    this.lostMs += Math.max(0, untilMs - sinceMs);
    this.clockMs = Math.max(this.clockMs, untilMs);
  }

  /** Check a time before the guest runs: up to one that is not finite it would run for ever. */
  private checkTime(ms: number): void {
    if (Number.isFinite(ms)) return;
    throw badArgument(
      `the technique, or run of guest "${this.guest.name}", set the time to ${ms}, expected a number of ms`,
    );
  }
}
