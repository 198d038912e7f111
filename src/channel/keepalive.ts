/** Keepalives per stall time of the peer. */
const PER_STALL = 3;
const MIN_INTERVAL_MS = 20;
/** Interval while reading is paused: then only a failed write shows that the connection has ended. */
const PROBE_MS = 200;

/** Sends a keepalive in every interval in which nothing else was sent. */
export class Keepalive {
  private interval: NodeJS.Timeout | undefined;
  private probe: NodeJS.Timeout | undefined;
  private hasSent = false;

  constructor(private readonly send: () => void) {}

  /** Start, for a peer that closes the channel after `stallMs` without a byte. */
  start(stallMs: number): void {
    const ms = Math.max(MIN_INTERVAL_MS, Math.floor(stallMs / PER_STALL));
    this.interval ??= setInterval(() => {
      if (!this.hasSent) this.send();
      this.hasSent = false;
    }, ms);
  }

  /** Record that something was sent. */
  sent(): void {
    this.hasSent = true;
  }

  /** Set whether reading is paused: then keepalives also probe the connection. */
  setPaused(isPaused: boolean): void {
    if (isPaused && this.interval) this.probe ??= setInterval(this.send, PROBE_MS);
    else if (this.probe) {
      clearInterval(this.probe);
      this.probe = undefined;
    }
  }

  stop(): void {
    clearInterval(this.interval);
    clearInterval(this.probe);
  }
}
