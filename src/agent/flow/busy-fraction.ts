/** What happened longer ago hardly counts. */
const WINDOW_MS = 300;

/** Which share of the time something waits, lately: 0 … 1. */
export class BusyFraction {
  private share = 0;
  private settledAt: number;
  private waits = false;

  constructor(nowMs: number) {
    this.settledAt = nowMs;
  }

  /** It waits from now on, or does not any more. */
  set(nowMs: number, waits: boolean): void {
    this.settle(nowMs);
    this.waits = waits;
  }

  at(nowMs: number): number {
    this.settle(nowMs);
    return this.share;
  }

  private settle(nowMs: number): void {
    const kept = Math.exp((this.settledAt - nowMs) / WINDOW_MS);
    this.share = kept * this.share + (1 - kept) * (this.waits ? 1 : 0);
    this.settledAt = nowMs;
  }
}
