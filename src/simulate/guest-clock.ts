import { PageBitmap } from '../page/bitmap.js';
import type { Guest } from './guest.js';

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

  /** Record that the guest waited for a page. */
  waited(sinceMs: number, untilMs: number): void {
    this.lostMs += Math.max(0, untilMs - sinceMs);
    this.clockMs = Math.max(this.clockMs, untilMs);
  }
}
