/** Default time constant of the exponential average, in ms. */
const WINDOW_MS = 300;

/** Fraction of recent time, 0 … 1, in which a condition held: an exponential average. */
export class BusyFraction {
  private fraction = 0;
  /** Time until which `fraction` includes the condition. */
  private settledAtMs: number;
  private isBusy = false;

  constructor(
    nowMs: number,
    private readonly windowMs = WINDOW_MS,
  ) {
    this.settledAtMs = nowMs;
  }

  /** Record that the condition holds, or stops holding, from `nowMs` on. Times must not decrease. */
  set(nowMs: number, isBusy: boolean): void {
    this.settle(nowMs);
    this.isBusy = isBusy;
  }

  /** Return the fraction at `nowMs`. */
  at(nowMs: number): number {
    this.settle(nowMs);
    return this.fraction;
  }

  private settle(nowMs: number): void {
    const kept = Math.exp((this.settledAtMs - nowMs) / this.windowMs);
    this.fraction = kept * this.fraction + (1 - kept) * (this.isBusy ? 1 : 0);
    this.settledAtMs = nowMs;
  }
}
