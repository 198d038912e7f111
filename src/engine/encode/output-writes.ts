import { abortable, throwIfAborted } from '../../page/sync.js';
import type { LifeCycle } from '../life-cycle.js';

/**
 * Output of a stream's bytes, called with them in order. The parts are valid until the call returns, or until
 * its promise settles. Pending promises are the back-pressure (`EncoderOptions.maxWrites`).
 */
export type Output = (parts: readonly Uint8Array[]) => void | Promise<void>;

/** Settings of writes. */
export interface OutputWritesOptions {
  readonly output: Output;
  /** Maximum number of writes in progress. */
  readonly maxWrites: number;
  /** Called at the end of each write. `startMs`: the later of its begin and the end of the write before. */
  readonly onWritten: ((bytes: number, startMs: number, endMs: number) => void) | undefined;
  readonly clock: () => number;
  /** The encoder's life, which the first failed write ends. */
  readonly life: LifeCycle;
}

/** Begins writes in order, at most `maxWrites` at a time, and measures them. */
export class OutputWrites {
  /** Bytes given to the output so far, and bytes whose write has ended. */
  givenBytes = 0;
  endedBytes = 0;
  /** Rate of the last write. */
  bytesPerMs = 0;
  /** Ms of all `waitFor` calls in which a write was in progress. */
  waitMs = 0;
  /** The last `maxWrites` writes, the oldest first; none rejects. */
  private readonly writes: Promise<void>[] = [];
  private inProgress = 0;
  /** Ms of ended writes. */
  private writeMs = 0;
  /** While writes are in progress: the later of the first one's begin and the last end of a write. */
  private writeStartMs = 0;

  constructor(private readonly options: OutputWritesOptions) {}

  /**
   * Begin a write of the parts that `collect` returns, once fewer than `maxWrites` are in progress. `onEnd`
   * is called when it has ended or failed.
   */
  async start(collect: () => readonly Uint8Array[], onEnd?: (bytes: number) => void): Promise<void> {
    const { output, life, maxWrites } = this.options;
    if (this.writes.length === maxWrites) await this.writes.shift();
    throwIfAborted(life.signal);
    const parts = collect();
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    this.givenBytes += bytes;
    if (this.inProgress++ === 0) this.writeStartMs = this.options.clock();
    const end = () => onEnd?.(bytes);
    const result = output(parts);
    if (result) {
      const taken = Promise.resolve(result).then(() => this.recordEnd(bytes));
      this.writes.push(
        abortable(taken, life.signal)
          .catch((cause) => life.fail(cause))
          .then(end),
      );
      return;
    }
    this.recordEnd(bytes);
    end();
  }

  /** Await `wait`, which ends when the output has taken bytes, and count the time as `waitMs`. */
  async waitFor(wait: () => Promise<void>): Promise<void> {
    const before = this.busyMs();
    await wait();
    this.waitMs += this.busyMs() - before;
  }

  /** Wait until the writes in progress have ended. @throws the first failure */
  ended(): Promise<unknown> {
    return abortable(Promise.all(this.writes), this.options.life.signal);
  }

  private recordEnd(bytes: number): void {
    const endMs = this.options.clock();
    const startMs = this.writeStartMs;
    this.endedBytes += bytes;
    this.writeMs += endMs - startMs;
    this.bytesPerMs = bytes / Math.max(endMs - startMs, 0.1);
    this.writeStartMs = endMs;
    this.inProgress--;
    this.options.onWritten?.(bytes, startMs, endMs);
  }

  /** Return the total ms in which at least one write was in progress. */
  private busyMs(): number {
    return this.writeMs + (this.inProgress === 0 ? 0 : this.options.clock() - this.writeStartMs);
  }
}
