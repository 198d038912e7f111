import type { ZstdSet } from '../../codec/zstd/load.js';
import type { Slots } from '../../kernels/arena.js';
import { badArgument, type PageferryError } from '../../page/error.js';
import type { PageFrameJobs } from '../page-frames/jobs.js';
import { JOB, JOB_STATUS, jobError } from './job.js';
import type { JobRunner } from './job-runner.js';
import type { RunnerSlots } from './runner-slots.js';

/** Runs jobs on worker threads, or on the calling thread. */
export interface Threads {
  /** Number of threads that run jobs; 1: the calling thread only. */
  readonly count: number;
  /** Jobs that were started and have not ended. */
  readonly pending: number;
  /**
   * Start the workers. `isLong` (default true): enough work follows that the last worker may be started too,
   * once long jobs occupy the others.
   */
  prepare(isLong?: boolean): void;
  /** Whether a job would run on the calling thread: there is no worker, or none has started yet. */
  readonly isLocal: boolean;
  /**
   * Start a job. `onEnd` is called when it ends, with the error if it failed; before `start` returns if the
   * job ran on the calling thread. @throws the first failure of a thread, or the cause of `close`
   */
  start(job: number, onEnd: JobEnd): void;
  /**
   * Run a job. Returns undefined if it has ended already, on the calling thread.
   * @throws PageferryError the job's error; the first failure of a thread; the cause of `close`
   */
  run(job: number): Promise<void> | undefined;
  /** Call `onEnd` of all jobs that have ended. Returns whether there were any. */
  report(): boolean;
  /**
   * Report ended jobs; if there are none, run a job that no worker has taken yet. Returns false if it could
   * do neither: the caller has to wait.
   */
  help(): boolean;
  /** Resolve when the next jobs are reported. @throws the reason of `signal`, if it is aborted already */
  ended(signal: AbortSignal): Promise<void>;
  /**
   * Duration of the jobs that ran on the calling thread, to subtract from the measured time of its other
   * work.
   */
  readonly local: Pick<JobRunner, 'totalMs' | 'totalWaitMs'>;
  /** Run a job on the calling thread. @throws as `run` */
  runLocal(job: number): void;
  /** End the threads. Pending jobs end with an error; later calls throw. */
  close(): Promise<void>;
}

/** Called when a job has ended; `error` is undefined if it succeeded. */
export type JobEnd = (error: unknown) => void;

/** Options of threads. */
export interface ThreadsOptions {
  /** The zstd of the calling thread. A caller's own zstd cannot be sent to workers. */
  readonly zstd: ZstdSet;
  /**
   * Whether the calling thread calls `help` where it would wait, and so counts as one of the threads. Long
   * jobs (zstd) need a worker for each thread: the calling thread also has to order and write.
   */
  readonly isHelping: boolean;
  /** Long jobs that are started before the last worker is started for them; default 0. */
  readonly waitingJobs?: number;
  /** Runs the jobs of a store on the calling thread. */
  readonly frameJobs?: PageFrameJobs;
  /** Called with the first failure of a thread, which also rejects all jobs. */
  readonly onFailure: (cause: unknown) => void;
}

/** Options of threads, and their memory. */
export interface DeclaredThreads extends ThreadsOptions {
  /** Runs the jobs of the calling thread. */
  readonly local: JobRunner;
  /** Memory of each worker; none for one thread. */
  readonly slots: readonly RunnerSlots[];
}

export function closedError(): PageferryError {
  return badArgument('the threads were closed');
}

/** Run a job on the calling thread. @throws PageferryError the job's error */
export function runJob(runner: JobRunner, { kernels }: Slots, job: number): void {
  runner.run(job);
  if (kernels.words[(job >>> 2) + JOB.STATUS] === JOB_STATUS.FAILED) throw jobError(kernels.words, job);
}

/** Runs every job on the calling thread, before the call returns. */
export class LocalThreads implements Threads {
  readonly count = 1;
  readonly pending = 0;
  readonly isLocal = true;
  private closed: PageferryError | undefined;

  constructor(
    private readonly slots: Slots,
    readonly local: JobRunner,
  ) {}

  prepare(): void {}

  start(job: number, onEnd: JobEnd): void {
    let error: unknown;
    try {
      this.runLocal(job);
    } catch (cause) {
      error = cause;
    }
    onEnd(error);
  }

  run(job: number): undefined {
    this.runLocal(job);
  }

  report(): boolean {
    return false;
  }

  help(): boolean {
    return false;
  }

  async ended(): Promise<void> {}

  runLocal(job: number): void {
    if (this.closed) throw this.closed;
    runJob(this.local, this.slots, job);
  }

  async close(): Promise<void> {
    this.closed ??= closedError();
  }
}
