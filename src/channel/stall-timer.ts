/** Waits so long, from the last time that it was renewed, and then says that it is over. */
export class StallTimer {
  private timer: NodeJS.Timeout | undefined;
  private renewed = 0;

  constructor(
    private readonly ms: number,
    private readonly over: () => void,
  ) {}

  /** Begins to wait, unless it does already. */
  start(): void {
    this.timer ??= setTimeout(() => this.check(), this.ms);
  }

  renew(): void {
    this.renewed++;
    this.timer?.refresh();
  }

  stop(): void {
    this.renewed++;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private check(): void {
    const { renewed } = this;
    // A thread that was busy runs its timers before it reads what has come meanwhile.
    setImmediate(() => {
      if (renewed === this.renewed) this.over();
    });
  }
}
