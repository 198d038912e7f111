import { PageBitmap } from '../page/bitmap.js';
import type { Guest } from './guest.js';

/** Runs a guest as the migration's time goes by: at the source until it is stopped, then at the destination. */
export class GuestClock {
  /** Pages written to since it was cleared. */
  readonly dirty: PageBitmap;
  /** How fast the guest runs: less than 1 while it is slowed down. */
  speed = 1;
  /** Time that the guest lost while it ran, waiting for pages or slowed down. */
  lostMs = 0;
  private guestMs = 0;
  private playedMs = 0;

  constructor(private readonly guest: Guest) {
    this.dirty = new PageBitmap(guest.pages);
  }

  /** Runs it at the source. */
  run(toMs: number): void {
    const goal = this.guestMs + (toMs - this.playedMs) * this.speed;
    this.lostMs += (toMs - this.playedMs) * (1 - this.speed);
    this.guestMs = this.guest.run(goal, (page, write) => {
      if (write) this.dirty.add(page);
      return true;
    });
    this.playedMs = toMs;
  }

  /** It goes on at the destination then. */
  goesOnAt(ms: number): void {
    this.playedMs = ms;
  }

  /** Runs it at the destination. Returns the page that it waits for and since when, if it came upon one that is `missing`. */
  runAtDestination(toMs: number, missing: PageBitmap): { page: number; atMs: number } | undefined {
    if (toMs <= this.playedMs) return undefined;
    let fault = -1;
    const reached = this.guest.run(this.guestMs + (toMs - this.playedMs), (page) => {
      if (!missing.has(page)) return true;
      fault = page;
      return false;
    });
    this.playedMs += reached - this.guestMs;
    this.guestMs = reached;
    if (fault >= 0) return { page: fault, atMs: this.playedMs };
    this.playedMs = toMs;
    return undefined;
  }

  /** The page that it waited for since `sinceMs` is there. */
  waited(sinceMs: number, untilMs: number): void {
    this.lostMs += Math.max(0, untilMs - sinceMs);
    this.playedMs = Math.max(this.playedMs, untilMs);
  }
}
