import { type CodecContext, createCodecContext } from '../../codec/codec.js';
import type { Zstd } from '../../codec/zstd.js';
import type { Slots } from '../../kernels/arena.js';
import { PageferryError } from '../../page/error.js';
import { JOB, JOB_STATUS, jobError } from './job.js';
import { declareRunner, JobRunner, type RunnerSlots } from './job-runner.js';
import { CONTROL, QUEUE_JOBS } from './queue.js';
import { startWorkers, type Workers } from './workers.js';

/** Runs jobs: on worker threads, or on the calling thread. */
export interface Threads {
  /** Threads that jobs run on; 1: the calling thread. */
  readonly count: number;
  /** Jobs that were given and have not ended. */
  readonly pending: number;
  /** Start threads that will be needed soon. */
  prepare(): void;
  /** Whether a job would run on the calling thread, because there is no other or none has started yet. */
  readonly isLocal: boolean;
  /**
   * Run a job. Returns undefined if it was run at once, on the calling thread.
   * @throws PageferryError `io` with the job's error, the first failure of a thread, or the cause of `close`
   */
  run(job: number): Promise<void> | undefined;
  /** Runs the jobs of the calling thread: how long they took is not that thread's own work. */
  readonly local: Pick<JobRunner, 'totalMs' | 'totalWaitMs'>;
  /** Run a job on the calling thread. @throws as `run` */
  runLocal(job: number): void;
  /** End the threads. Pending and later calls of `run` reject. */
  close(): Promise<void>;
}

const MIN_PACKED_BYTES = 32 << 20;
const MIN_STORED_BYTES = 2 ** 30;

/**
 * Whether an image of `bytes` bytes is worth the start of threads, which takes 30 ms of a core or more each:
 * in that time one thread packs some 10 MiB, or reads, scans and hashes some 100 MiB.
 */
export function isWorthThreads(bytes: number, isPacked: boolean): boolean {
  return bytes >= (isPacked ? MIN_PACKED_BYTES : MIN_STORED_BYTES);
}

/** What threads need to work. */
export interface ThreadsOptions {
  readonly zstd: Zstd | undefined;
  /** Whether workers load a zstd; a caller's own cannot be sent to them. */
  readonly isZstdShared: boolean;
  /** Called with the first failure of a thread, which also rejects all jobs. */
  readonly onFailure: (cause: unknown) => void;
}

/** Threads whose memory was declared. */
interface DeclaredThreads extends ThreadsOptions {
  /** Runs the jobs of the calling thread. */
  readonly local: JobRunner;
  /** Memory of each worker; none for one thread. */
  readonly slots: readonly RunnerSlots[];
}

/**
 * Declare the memory of `count` threads, which pack segments of up to `segmentBytes` bytes; the result
 * creates them once it exists. `codec`: the scratch of the calling thread.
 */
export function declareThreads(
  arena: Slots,
  codec: CodecContext,
  count: number,
  segmentBytes: number,
): (options: ThreadsOptions) => Threads {
  const queue = arena.slot('job queue', 4 * (CONTROL.RING + QUEUE_JOBS));
  const localSlots = declareRunner(arena, codec, segmentBytes);
  const slots = Array.from({ length: count > 1 ? count : 0 }, () =>
    declareRunner(arena, createCodecContext(arena), segmentBytes),
  );
  return (options) => {
    const local = new JobRunner(codec, localSlots, options.zstd);
    const declared = { ...options, local, slots };
    return count === 1 ? new LocalThreads(arena, local) : new WorkerThreads(arena, queue, declared);
  };
}

function closedError(): PageferryError {
  return new PageferryError('bad-argument', 'the threads were closed');
}

/** Run a job on this thread. @throws PageferryError `io` */
function runHere(runner: JobRunner, { kernels }: Slots, job: number): void {
  if (runner.run(job) === JOB_STATUS.FAILED) throw new PageferryError('io', jobError(kernels.words, job));
}

class LocalThreads implements Threads {
  readonly count = 1;
  readonly pending = 0;
  readonly isLocal = true;
  private closed: PageferryError | undefined;

  constructor(
    private readonly slots: Slots,
    readonly local: JobRunner,
  ) {}

  prepare(): void {}

  run(job: number): undefined {
    this.runLocal(job);
  }

  runLocal(job: number): void {
    if (this.closed) throw this.closed;
    runHere(this.local, this.slots, job);
  }

  async close(): Promise<void> {
    this.closed ??= closedError();
  }
}

/** ES2024's, which every supported version of Node has; the compiler's library is older. */
const { waitAsync } = Atomics as unknown as {
  waitAsync(state: Int32Array, cell: number, value: number): { value: 'not-equal' | Promise<'ok'> };
};

interface PendingJob {
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

class WorkerThreads implements Threads {
  readonly count: number;
  readonly local: JobRunner;
  /** The whole memory; the queue's words begin at `base`. */
  private readonly control: Int32Array;
  private readonly base: number;
  private readonly jobs = new Map<number, PendingJob>();
  private workers: Promise<Workers> | undefined;
  private failure: { readonly cause: unknown } | undefined;
  private isWatching = false;

  constructor(
    private readonly slots: Slots,
    private readonly queue: number,
    private readonly options: DeclaredThreads,
  ) {
    this.count = options.slots.length;
    this.local = options.local;
    this.control = new Int32Array(slots.kernels.memory.buffer);
    this.base = queue / 4;
  }

  get pending(): number {
    return this.jobs.size;
  }

  get isLocal(): boolean {
    return Atomics.load(this.control, this.base + CONTROL.READY) === 0;
  }

  prepare(): void {
    if (this.workers || this.failure) return;
    this.workers = startWorkers({
      memory: this.slots.kernels.memory,
      queue: this.queue,
      slots: this.options.slots,
      zstd: this.options.zstd !== undefined && this.options.isZstdShared,
      onFailure: (cause) => this.failAll(cause),
    });
    this.workers.catch((cause) => this.failAll(cause));
  }

  run(job: number): Promise<void> | undefined {
    if (this.failure) throw this.failure.cause;
    if (this.isLocal || this.jobs.size === QUEUE_JOBS) {
      this.runLocal(job);
      return undefined;
    }
    const { control, base } = this;
    Atomics.store(control, job / 4 + JOB.STATUS, JOB_STATUS.QUEUED);
    const tail = Atomics.load(control, base + CONTROL.TAIL);
    Atomics.store(control, base + CONTROL.RING + ((tail >>> 0) % QUEUE_JOBS), job);
    Atomics.store(control, base + CONTROL.TAIL, (tail + 1) | 0);
    Atomics.notify(control, base + CONTROL.TAIL, 1);
    const done = new Promise<void>((resolve, reject) => this.jobs.set(job, { resolve, reject }));
    if (!this.isWatching) void this.watch();
    return done;
  }

  runLocal(job: number): void {
    if (this.failure) throw this.failure.cause;
    runHere(this.local, this.slots, job);
  }

  async close(): Promise<void> {
    this.fail(closedError());
    await this.workers?.then(
      (started) => started.close(),
      () => {},
    );
  }

  /** Settle the promises of jobs that have ended, as they end. */
  private async watch(): Promise<void> {
    this.isWatching = true;
    const done = this.base + CONTROL.DONE;
    while (this.jobs.size > 0) {
      const seen = Atomics.load(this.control, done);
      if (!this.settle()) await waitAsync(this.control, done, seen).value;
      // Lets what was waiting for these jobs run, which may add more.
      else await undefined;
    }
    this.isWatching = false;
  }

  private settle(): boolean {
    let hasSettled = false;
    for (const [job, { resolve, reject }] of this.jobs) {
      const status = Atomics.load(this.control, job / 4 + JOB.STATUS);
      if (status === JOB_STATUS.QUEUED) continue;
      hasSettled = true;
      this.jobs.delete(job);
      if (status === JOB_STATUS.DONE) resolve();
      else reject(new PageferryError('io', jobError(this.slots.kernels.words, job)));
    }
    return hasSettled;
  }

  private failAll(cause: unknown): void {
    if (this.failure) return;
    this.fail(cause);
    this.options.onFailure(cause);
  }

  private fail(cause: unknown): void {
    this.failure ??= { cause };
    for (const { reject } of this.jobs.values()) reject(this.failure.cause);
    this.jobs.clear();
    // The watcher has nothing left to wait for.
    Atomics.add(this.control, this.base + CONTROL.DONE, 1);
    Atomics.notify(this.control, this.base + CONTROL.DONE);
  }
}
