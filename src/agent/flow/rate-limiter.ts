import { throwIfAborted } from '../../page/sync.js';

/** A timer that is late by up to this time loses no rate: so much may be sent at once. */
const BURST_MS = 20;
/** A migration is active for this time after its last bytes. */
const ACTIVE_MS = 250;

/** A frame that waits for its turn. */
interface Waiter {
  readonly share: RateShare;
  /** Start tag: bytes of virtual time. */
  readonly start: number;
  readonly bytes: number;
  readonly admit: () => void;
}

/**
 * A token bucket that the migrations of one agent share: a period lets its time and 20 ms at the rate,
 * and one frame, pass. Frames wait in the order of their start tags (start-time fair queueing: Goyal, Vin,
 * Cheng, 1996), so migrations that have bytes to send get equal rates, whatever their frames and connections.
 */
export class RateLimiter {
  private readonly bytesPerMs: number;
  private readonly waiters: Waiter[] = [];
  private readonly shares = new Set<RateShare>();
  /** Start tag of the last frame that passed. */
  private virtualTime = 0;
  /** Bytes that may pass; negative after a frame that was larger. */
  private tokens: number;
  private filledMs = performance.now();
  /** Cancels what `schedule` scheduled. */
  private cancel: (() => void) | undefined;

  constructor(readonly bitsPerSecond: number) {
    this.bytesPerMs = bitsPerSecond / 8000;
    this.tokens = BURST_MS * this.bytesPerMs;
  }

  /** Add a migration. */
  join(): RateShare {
    return new RateShare(this);
  }

  /** The rate of one migration while all that are active now send as much as they can. */
  get shareBitsPerSecond(): number {
    const endedMs = performance.now() - ACTIVE_MS;
    for (const share of this.shares) if (share.lastMs < endedMs) this.shares.delete(share);
    return this.bitsPerSecond / Math.max(1, this.shares.size);
  }

  /** @internal Of `RateShare.take`. */
  take(share: RateShare, bytes: number, signal: AbortSignal): Promise<void> | undefined {
    this.fill();
    this.shares.add(share);
    // A migration that sent nothing for a while does not catch up.
    const start = Math.max(share.finish, this.virtualTime);
    share.finish = start + bytes;
    if (this.waiters.length === 0 && this.tokens > 0) {
      this.pass({ share, start, bytes });
      return undefined;
    }
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.waiters.splice(this.waiters.indexOf(waiter), 1);
        this.schedule();
        reject(signal.reason);
      };
      const admit = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const waiter: Waiter = { share, start, bytes, admit };
      share.lastMs = performance.now();
      this.waiters.push(waiter);
      signal.addEventListener('abort', onAbort, { once: true });
      this.schedule();
    });
  }

  /** Have the next frame pass once the bucket is not empty; nothing is scheduled when none waits. */
  private schedule(): void {
    if (this.waiters.length === 0) {
      this.cancel?.();
      this.cancel = undefined;
    }
    if (this.waiters.length === 0 || this.cancel) return;
    const next = () => {
      this.cancel = undefined;
      this.passNext();
    };
    if (this.tokens > 0) {
      // In its turn of the event loop the migration that was served last can queue another frame.
      const immediate = setImmediate(next);
      this.cancel = () => clearImmediate(immediate);
    } else {
      const timer = setTimeout(next, Math.max(1, Math.ceil(-this.tokens / this.bytesPerMs)));
      this.cancel = () => clearTimeout(timer);
    }
  }

  private passNext(): void {
    this.fill();
    const { waiters } = this;
    for (const { share } of waiters) share.lastMs = this.filledMs;
    if (this.tokens > 0) {
      let next = 0;
      for (let i = 1; i < waiters.length; i++) if (waiters[i]!.start < waiters[next]!.start) next = i;
      const waiter = waiters.splice(next, 1)[0]!;
      this.pass(waiter);
      waiter.admit();
    }
    this.schedule();
  }

  private pass({ share, start, bytes }: Pick<Waiter, 'share' | 'start' | 'bytes'>): void {
    this.virtualTime = start;
    this.tokens -= bytes;
    share.lastMs = this.filledMs;
  }

  private fill(): void {
    const nowMs = performance.now();
    const tokens = this.tokens + (nowMs - this.filledMs) * this.bytesPerMs;
    this.tokens = Math.min(BURST_MS * this.bytesPerMs, tokens);
    this.filledMs = nowMs;
  }
}

/** The share of one migration in the rate of its agent. */
export class RateShare {
  /** @internal Finish tag of the last frame. */
  finish = 0;
  /** @internal When a frame waited or passed last. */
  lastMs = 0;

  constructor(private readonly limiter: RateLimiter) {}

  /** The rate that this migration gets now. */
  get bitsPerSecond(): number {
    return this.limiter.shareBitsPerSecond;
  }

  /**
   * Take the bytes of a frame. Return undefined where they may be sent at once, else a promise that resolves
   * when they may. @throws the abort reason
   */
  take(bytes: number, signal: AbortSignal): Promise<void> | undefined {
    throwIfAborted(signal);
    return this.limiter.take(this, bytes, signal);
  }
}
