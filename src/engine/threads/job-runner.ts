import type { CodecContext } from '../../codec/codec.js';
import type { ZstdSet } from '../../codec/zstd/load.js';
import type { PageFrameJobs } from '../page-frames/jobs.js';
import { runDecodeJob } from './decode-job.js';
import { IngestRunner } from './ingest-job.js';
import { JOB, JOB_KIND, JOB_STATUS, setJobError } from './job.js';
import { runPackJob } from './pack-job.js';
import type { RunnerSlots } from './runner-slots.js';
import { cpuUs, heldUs, waitedUs } from './wait-clock.js';

/** Runs jobs, one at a time, on the thread that calls it. */
export class JobRunner {
  /** Elapsed ms of all jobs so far. */
  totalMs = 0;
  /** The part of `totalMs` in which jobs waited for a core. */
  totalWaitMs = 0;
  private readonly ingest: IngestRunner;
  /** The whole memory, for atomic operations. */
  private readonly control: Int32Array;

  constructor(
    private readonly codec: CodecContext,
    private readonly slots: RunnerSlots,
    private readonly zstd: ZstdSet,
    /** Runs the jobs of a store; absent in other programs. */
    private readonly frameJobs?: PageFrameJobs,
  ) {
    this.control = new Int32Array(codec.kernels.memory.buffer);
    this.ingest = new IngestRunner(codec, this.control, slots.block, frameJobs, (ms) => {
      this.totalMs += ms;
    });
  }

  /**
   * Run a job: set its results, then its status. Return the number of jobs that ended: 1, or 0 and more for
   * jobs with a turn (`endInTurn`).
   */
  run(job: number): number {
    const { words } = this.codec.kernels;
    const at = job >>> 2;
    const kind = words[at + JOB.KIND];
    const startedMs = performance.now();
    const waitedBefore = waitedUs();
    const cpuBefore = cpuUs();
    let status: number = JOB_STATUS.DONE;
    try {
      if (kind === JOB_KIND.INGEST) this.ingest.run(job);
      else if (kind === JOB_KIND.PACK) runPackJob(this.codec, this.slots, this.zstd, job);
      else if (kind === JOB_KIND.PACK_PAGES) this.frameJobs!.packPages(this.codec, at);
      else runDecodeJob(this.codec, this.zstd, this.slots.check, job);
    } catch (cause) {
      status = JOB_STATUS.FAILED;
      setJobError(words, job, cause);
    }
    const ms = performance.now() - startedMs;
    let waitUs = waitedUs() - waitedBefore;
    if (kind === JOB_KIND.PACK) waitUs = heldUs(Math.round(ms * 1000), waitUs, cpuUs() - cpuBefore);
    words[at + JOB.WALL_US] = Math.round(ms * 1000);
    words[at + JOB.WAIT_US] = waitUs;
    this.totalMs += ms;
    this.totalWaitMs += waitUs / 1000;
    const ended = kind === JOB_KIND.INGEST ? this.ingest.end(job, status) : undefined;
    if (ended !== undefined) return ended;
    Atomics.store(this.control, at + JOB.STATUS, status);
    return 1;
  }
}
