/** A restartable timeout: calls `onTimeout` when `ms` pass without `renew()`. */
export class StallTimer {
  private timer: NodeJS.Timeout | undefined;
  private renewals = 0;

  constructor(
    private readonly ms: number,
    private readonly onTimeout: () => void,
  ) {}

  /** Start the time, unless it runs. */
  start(): void {
    this.timer ??= setTimeout(() => this.check(), this.ms);
  }

  /** Start the time again, if it runs. */
  renew(): void {
    this.renewals++;
    this.timer?.refresh();
  }

  stop(): void {
    this.renewals++;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private check(): void {
    const { renewals } = this;
    // After a long task Node runs timers before it reads what has arrived meanwhile.
    setImmediate(() => {
      if (renewals === this.renewals) this.onTimeout();
    });
  }
}
