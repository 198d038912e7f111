import type { Threads } from './threads.js';

/** Bytes of an image before its pace is measured: code that runs for the first time, fresh memory. */
const COLD_BYTES = 4 << 20;
/** Bytes that the pace is measured over, at least. */
const MIN_MEASURED_BYTES = 4 << 20;
/** Starts of a worker after which fewer bytes are enough. */
const MAX_MEASURED_STARTS = 2;
/** Images of large groups are packed for so long that workers are always worth it, from this size on. */
const MIN_LARGE_BYTES = 32 << 20;
/** An image of unknown size is assumed to be long from here on. */
const LONG_BYTES = 4 << 20;
/**
 * Starts of a worker that the rest of an image takes on one thread, at least, for workers to be started, and
 * for one more where packing occupies them. A second thread makes less than twice as fast: it shares memory,
 * caches and often the core's units with the first.
 */
const MIN_STARTS = 12;
const MIN_STARTS_OF_LAST = 20;

/** Bounds on the start of a worker, in ms, and where the process does not know its own. */
const START_MS = [15, 500] as const;
const ASSUMED_START_MS = 60;

/** Where workers are started from. */
export interface WorkerStartOptions {
  readonly threads: Pick<Threads, 'prepare'>;
  /** Returns the ms since the stream began. */
  readonly elapsedMs: () => number;
  /** Ms that the start of a worker takes. */
  readonly startMs: number;
}

/**
 * Starts workers once the rest of an image is worth it: at the measured pace of one thread it takes several
 * times as long as their start.
 */
export class WorkerStart {
  private imageBytes: number | undefined;
  /** When the first image began, and the image at hand. */
  private streamMs: number | undefined;
  private imageMs = 0;
  /** Where the pace is measured from. */
  private from: { readonly ms: number; readonly bytes: number } | undefined;

  constructor(private readonly options: WorkerStartOptions) {}

  /** Begin an image of `bytes` bytes, if its size is known. `isSlow`: its packing takes seconds a group. */
  begin(bytes: number | undefined, isSlow = false): void {
    if (isSlow && (bytes ?? MIN_LARGE_BYTES) >= MIN_LARGE_BYTES) this.options.threads.prepare(true);
    this.imageBytes = bytes;
    this.imageMs = this.options.elapsedMs();
    this.streamMs ??= this.imageMs;
    this.from = undefined;
  }

  /** Start workers if they are worth it now. `done`: bytes of the image that are encoded. */
  progress(done: number): void {
    const { threads, startMs, elapsedMs } = this.options;
    if (this.imageBytes === undefined) {
      if (done >= LONG_BYTES) threads.prepare(true);
      return;
    }
    if (done === 0) return;
    const nowMs = elapsedMs();
    const isLong = (ms: number) => nowMs - ms > MAX_MEASURED_STARTS * startMs;
    if (!this.from && (done >= COLD_BYTES || isLong(this.imageMs))) this.from = { ms: nowMs, bytes: done };
    if (!this.from) return;
    const { ms, bytes } = this.from;
    if (done === bytes || (done - bytes < MIN_MEASURED_BYTES && !isLong(ms))) return;
    const restMs = ((nowMs - ms) * (this.imageBytes - done)) / (done - bytes);
    // As many images are assumed to follow as there were.
    const starts = Math.max(restMs, this.imageMs - this.streamMs!) / startMs;
    if (starts >= MIN_STARTS) threads.prepare(starts >= MIN_STARTS_OF_LAST);
  }
}

/**
 * Return the ms that the start of a worker takes on this machine: about as long as V8 and Node took to start
 * in this thread.
 */
export function workerStartMs(): number {
  const { nodeTiming } = globalThis.performance as {
    nodeTiming?: { readonly v8Start: number; readonly bootstrapComplete: number };
  };
  const ms = nodeTiming ? nodeTiming.bootstrapComplete - nodeTiming.v8Start : 0;
  return ms > 0 ? Math.max(START_MS[0], Math.min(START_MS[1], ms)) : ASSUMED_START_MS;
}
