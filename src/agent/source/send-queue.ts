import { SerialQueue, Signal } from '../../page/sync.js';

/**
 * Runs send jobs in order, and bounds the bytes that they hold. A failed job ends the migration through
 * `onFailure`.
 */
export class SendQueue {
  private readonly jobs = new SerialQueue();
  private bytes = 0;
  private readonly ended = new Signal();

  constructor(
    private readonly maxBytes: number,
    private readonly onFailure: (cause: unknown) => void,
    private readonly signal: AbortSignal,
  ) {}

  /**
   * Queue a job that holds `bytes`. Wait for all jobs while they hold more than the bound. @throws the first
   * failure, or the abort reason
   */
  async add(bytes: number, job: () => Promise<void>): Promise<void> {
    this.push(bytes, job);
    if (this.bytes > this.maxBytes) await this.idle();
  }

  /** As `add`, without waiting: the caller waits for `withinBound` before it reads more. */
  push(bytes: number, job: () => Promise<void>): void {
    this.bytes += bytes;
    void this.put(job, () => {
      this.bytes -= bytes;
      this.ended.notify();
    });
  }

  /** Resolve when the jobs hold at most the bound. @throws the abort reason */
  withinBound(): Promise<void> | undefined {
    if (this.bytes <= this.maxBytes) return undefined;
    return this.ended.until(() => this.bytes <= this.maxBytes, this.signal);
  }

  /**
   * Queue a job without a bound. `onEnd` is called when it has ended or was skipped. The result resolves
   * then; it never rejects.
   */
  put(job: () => Promise<void>, onEnd: () => void = () => {}): Promise<void> {
    return this.jobs.run(job, this.signal).then(onEnd, (cause) => {
      onEnd();
      this.onFailure(cause);
    });
  }

  /** Resolve when all queued jobs have ended. @throws as `add` */
  idle(): Promise<void> {
    return this.jobs.idle();
  }
}
