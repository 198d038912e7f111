import type { Worker } from 'node:worker_threads';
import type { Slots } from '../../kernels/arena.js';
import type { PageferryError } from '../../page/error.js';
import { Signal } from '../../page/sync.js';
import { isLongJob, JOB, JOB_STATUS, jobError } from './job.js';
import type { JobRunner } from './job-runner.js';
import { CONTROL, QUEUE_JOBS, takeJob } from './queue.js';
import { closedError, type DeclaredThreads, type JobEnd, runJob, type Threads } from './threads.js';
import { startWorkers } from './workers.js';

/** `Atomics.waitAsync` of ES2024: every supported version of Node has it, the compiler's library does not. */
const { waitAsync } = Atomics as unknown as {
  waitAsync(state: Int32Array, cell: number, value: number): { value: 'not-equal' | Promise<'ok'> };
};

/** Runs jobs on worker threads, and on the calling thread when it calls `help`. */
export class WorkerThreads implements Threads {
  readonly count: number;
  readonly local: JobRunner;
  /** The whole memory, and the index of the queue's first word. */
  private readonly control: Int32Array;
  private readonly base: number;
  private readonly jobs = new Map<number, JobEnd>();
  private readonly reported = new Signal();
  private readonly workers: Worker[] = [];
  private readonly starts: Promise<void>[] = [];
  private startedCount = 0;
  private canStartLast = false;
  private longJobs = 0;
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

  prepare(isLong = true): void {
    this.canStartLast ||= isLong;
    this.startWorkers(this.options.isHelping ? this.count - 1 : this.count);
  }

  start(job: number, onEnd: JobEnd): void {
    if (this.failure) throw this.failure.cause;
    const { control, base } = this;
    if (this.isLocal || this.jobs.size === QUEUE_JOBS) {
      this.jobs.set(job, onEnd);
      Atomics.store(control, job / 4 + JOB.STATUS, JOB_STATUS.QUEUED);
      this.local.run(job);
      this.report();
      return;
    }
    if (this.canStartLast && this.startedCount < this.count && isLongJob(this.slots.kernels.words, job)) {
      const { waitingJobs = 0 } = this.options;
      if (this.startedCount === 0 || ++this.longJobs > waitingJobs) this.startWorkers(this.count);
    }
    Atomics.store(control, job / 4 + JOB.STATUS, JOB_STATUS.QUEUED);
    this.jobs.set(job, onEnd);
    if (this.jobs.size === 1) this.keepAlive(true);
    const tail = Atomics.load(control, base + CONTROL.TAIL);
    Atomics.store(control, base + CONTROL.RING + ((tail >>> 0) % QUEUE_JOBS), job);
    Atomics.store(control, base + CONTROL.TAIL, (tail + 1) | 0);
    Atomics.notify(control, base + CONTROL.TAIL, 1);
    if (!this.isWatching) void this.watch();
  }

  run(job: number): Promise<void> | undefined {
    if (this.failure) throw this.failure.cause;
    if (this.isLocal) {
      this.runLocal(job);
      return undefined;
    }
    return new Promise<void>((resolve, reject) =>
      this.start(job, (error) => (error === undefined ? resolve() : reject(error))),
    );
  }

  runLocal(job: number): void {
    if (this.failure) throw this.failure.cause;
    runJob(this.local, this.slots, job);
  }

  report(): boolean {
    let hasEnded = false;
    for (const [job, onEnd] of this.jobs) {
      const status = Atomics.load(this.control, job / 4 + JOB.STATUS);
      if (status === JOB_STATUS.QUEUED) continue;
      hasEnded = true;
      this.jobs.delete(job);
      onEnd(this.errorOf(job, status));
    }
    if (hasEnded && this.jobs.size === 0) this.keepAlive(false);
    if (hasEnded) this.reported.notify();
    return hasEnded;
  }

  help(): boolean {
    if (this.report()) return true;
    if (this.failure || this.startedCount === this.count) return false;
    const job = takeJob(this.control, this.base, this.isShort);
    if (job === undefined) return false;
    this.local.run(job);
    this.report();
    return true;
  }

  ended(signal: AbortSignal): Promise<void> {
    // Adding a listener to `signal` costs more than the wait. Jobs end soon, with an error if threads close.
    return signal.aborted ? Promise.reject(signal.reason) : this.reported.wait();
  }

  async close(): Promise<void> {
    this.fail(closedError());
    await Promise.allSettled(this.starts);
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }

  private readonly isShort = (job: number): boolean => !isLongJob(this.slots.kernels.words, job);

  private errorOf(job: number, status: number): PageferryError | undefined {
    if (status !== JOB_STATUS.FAILED) return undefined;
    return jobError(this.slots.kernels.words, job);
  }

  /** Start workers until there are `count`. */
  private startWorkers(count: number): void {
    const { startedCount } = this;
    if (startedCount >= count || this.failure) return;
    this.startedCount = count;
    const started = startWorkers({
      memory: this.slots.kernels.memory,
      queue: this.queue,
      slots: this.options.slots.slice(startedCount, count),
      workers: this.workers,
      hasZstd: this.options.zstd.hasKernels,
      onFailure: (cause) => this.failAll(cause),
    });
    this.starts.push(started);
    started.catch((cause) => this.failAll(cause));
  }

  /** Report jobs as they end, for as long as there are any. */
  private async watch(): Promise<void> {
    this.isWatching = true;
    const done = this.base + CONTROL.DONE;
    while (this.jobs.size > 0) {
      const seen = Atomics.load(this.control, done);
      if (!this.report()) await waitAsync(this.control, done, seen).value;
      // Let the code that awaits these jobs run: it may start more.
      else await undefined;
    }
    this.isWatching = false;
  }

  /** While there are jobs, the workers keep the process alive: a wait for shared memory does not. */
  private keepAlive(isNeeded: boolean): void {
    for (const worker of this.workers) isNeeded ? worker.ref() : worker.unref();
  }

  private failAll(cause: unknown): void {
    if (this.failure) return;
    this.fail(cause);
    this.options.onFailure(cause);
  }

  private fail(cause: unknown): void {
    this.failure ??= { cause };
    const ends = [...this.jobs.values()];
    this.jobs.clear();
    this.keepAlive(false);
    for (const onEnd of ends) onEnd(this.failure.cause);
    this.reported.notify();
    // Wake up `watch`, so that it ends.
    Atomics.add(this.control, this.base + CONTROL.DONE, 1);
    Atomics.notify(this.control, this.base + CONTROL.DONE);
  }
}
