import type { Threads } from './threads.js';

/** Bytes of an image before its pace is measured: cold code and fresh memory make the first ones slow. */
const COLD_BYTES = 4 << 20;
/** Minimum bytes that the pace is measured over. */
const MIN_MEASURED_BYTES = 4 << 20;
/** Once this many start times of a worker have passed, fewer bytes are enough. */
const MAX_MEASURED_STARTS = 2;
/** Minimum size from which on images of large groups always start workers: their packing takes long. */
const MIN_LARGE_BYTES = 32 << 20;
/** Bytes after which an image of unknown size is assumed to be long. */
const LONG_BYTES = 4 << 20;
/**
 * Minimum time of the rest of an image on one thread, as a multiple of a worker's start time, for workers to
 * be started, and for the last worker too. High, since threads share memory, caches and often the units of a
 * core, so a second thread less than halves the time.
 */
const MIN_STARTS = 12;
const MIN_STARTS_OF_LAST = 20;

/** Bounds on the start time of a worker, in ms, and the value where it cannot be measured. */
const START_MS = [15, 500] as const;
const ASSUMED_START_MS = 60;

/** Options of `WorkerStart`. */
export interface WorkerStartOptions {
  readonly threads: Pick<Threads, 'prepare'>;
  /** Returns the ms since the stream began. */
  readonly elapsedMs: () => number;
  /** Ms that the start of a worker takes. */
  readonly startMs: number;
}

/**
 * Decides when to start workers: once the rest of the image, at the measured pace of one thread, would take
 * several times as long as their start.
 */
export class WorkerStart {
  private imageBytes: number | undefined;
  /** Start times of the first image and of the current image. */
  private streamMs: number | undefined;
  private imageMs = 0;
  /** Start of the measurement of the pace. */
  private from: { readonly ms: number; readonly bytes: number } | undefined;

  constructor(private readonly options: WorkerStartOptions) {}

  /** Begin an image. `bytes`: its size, if known. `isSlow`: packing one of its groups takes seconds. */
  begin(bytes: number | undefined, isSlow = false): void {
    if (isSlow && (bytes ?? MIN_LARGE_BYTES) >= MIN_LARGE_BYTES) this.options.threads.prepare(true);
    this.imageBytes = bytes;
    this.imageMs = this.options.elapsedMs();
    this.streamMs ??= this.imageMs;
    this.from = undefined;
  }

  /** Start workers if they pay now. `done`: encoded bytes of the image. */
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
    // The rest of the stream is assumed to take at least as long as the images before this one.
    const starts = Math.max(restMs, this.imageMs - this.streamMs!) / startMs;
    if (starts >= MIN_STARTS) threads.prepare(starts >= MIN_STARTS_OF_LAST);
  }
}

/**
 * Return the estimated start time of a worker on this machine, in ms: the time that V8 and Node took to start
 * in this thread.
 */
export function workerStartMs(): number {
  const { nodeTiming } = globalThis.performance as {
    nodeTiming?: { readonly v8Start: number; readonly bootstrapComplete: number };
  };
  const ms = nodeTiming ? nodeTiming.bootstrapComplete - nodeTiming.v8Start : 0;
  return ms > 0 ? Math.max(START_MS[0], Math.min(START_MS[1], ms)) : ASSUMED_START_MS;
}
