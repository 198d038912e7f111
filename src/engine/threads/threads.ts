import type { ZstdSet } from '../../codec/zstd/load.js';
import type { Slots } from '../../kernels/arena.js';
import { PageferryError } from '../../page/error.js';
import type { PageFrameJobs } from '../page-frames/jobs.js';
import { JOB, JOB_STATUS, jobError } from './job.js';
import type { JobRunner, RunnerSlots } from './job-runner.js';

/** Runs jobs: on worker threads, or on the calling thread. */
export interface Threads {
  /** Threads that jobs run on; 1: the calling thread. */
  readonly count: number;
  /** Jobs that were given and have not ended. */
  readonly pending: number;
  /**
   * Start threads that will be needed soon. `isLong`: there is so much work that one more is worth its start
   * where jobs occupy the others for long.
   */
  prepare(isLong?: boolean): void;
  /** Whether a job would run on the calling thread, because there is no other or none has started yet. */
  readonly isLocal: boolean;
  /**
   * Run a job; `onEnd` is called once it has ended, with its error if it failed: at once if it was run on the
   * calling thread. @throws as `run`, without its error
   */
  start(job: number, onEnd: JobEnd): void;
  /**
   * Run a job. Returns undefined if it was run at once, on the calling thread.
   * @throws PageferryError the job's error, the first failure of a thread, or the cause of `close`
   */
  run(job: number): Promise<void> | undefined;
  /** Report the jobs that have ended. Returns whether there were any. */
  report(): boolean;
  /**
   * Report the jobs that have ended, or else run one that no worker has taken yet. Returns false when there
   * was neither: the caller has to wait.
   */
  help(): boolean;
  /** Resolve when the next jobs are reported. @throws the reason of `signal`, if it is aborted already */
  ended(signal: AbortSignal): Promise<void>;
  /** Runs the jobs of the calling thread: how long they took is not that thread's own work. */
  readonly local: Pick<JobRunner, 'totalMs' | 'totalWaitMs'>;
  /** Run a job on the calling thread. @throws as `run` */
  runLocal(job: number): void;
  /** End the threads. Pending and later calls of `run` reject. */
  close(): Promise<void>;
}

/** Is notified that a job has ended; `error` is undefined if it succeeded. */
export type JobEnd = (error: unknown) => void;

/** Context of threads. */
export interface ThreadsOptions {
  /** A caller's own zstd is used on the calling thread only: it cannot be sent to workers. */
  readonly zstd: ZstdSet;
  /**
   * Whether the calling thread calls `help` where it would wait. It then counts as one of the threads, unless
   * jobs pack with zstd: they take too long for a thread that also has to order and to write.
   */
  readonly isHelping: boolean;
  /** Long jobs that may be given before the last worker is started for them; default 0. */
  readonly waitingJobs?: number;
  /** Jobs of a store, for the calling thread. */
  readonly frameJobs?: PageFrameJobs;
  /** Called with the first failure of a thread, which also rejects all jobs. */
  readonly onFailure: (cause: unknown) => void;
}

/** Threads whose memory was declared. */
export interface DeclaredThreads extends ThreadsOptions {
  /** Runs the jobs of the calling thread. */
  readonly local: JobRunner;
  /** Memory of each worker; none for one thread. */
  readonly slots: readonly RunnerSlots[];
}

export function closedError(): PageferryError {
  return new PageferryError('bad-argument', 'the threads were closed');
}

/** Run a job on this thread. @throws PageferryError the job's error */
export function runJob(runner: JobRunner, { kernels }: Slots, job: number): void {
  runner.run(job);
  if (kernels.words[(job >>> 2) + JOB.STATUS] === JOB_STATUS.FAILED) throw jobError(kernels.words, job);
}

/** Runs every job at once, on the calling thread. */
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
