import type { MessageLog } from '../log.js';

/** A change is logged once it has lasted this long, so that a link near the limit does not fill the log. */
const MIN_MS = 100;

/** Logs when pages begin to bypass coding, and when they are coded again. */
export class BypassLog {
  private isLogged = false;
  private changedMs: number | undefined;

  constructor(private readonly clock: () => number = () => performance.now()) {}

  /** Record how the next batch is sent, over a link of this rate. */
  set(bypass: boolean, bitsPerSecond: number, log: MessageLog): void {
    if (bypass === this.isLogged) {
      this.changedMs = undefined;
      return;
    }
    this.changedMs ??= this.clock();
    if (this.clock() - this.changedMs < MIN_MS) return;
    this.isLogged = bypass;
    this.changedMs = undefined;
    const rate = `${Math.round(bitsPerSecond / 1e6)} Mbit/s`;
    log(
      'info',
      bypass
        ? `pages bypass coding from here on: they do not wait for the link (${rate} or more)`
        : `pages are coded again: they wait for the link (${rate})`,
    );
  }
}
