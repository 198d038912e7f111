/** Time in which the weight of a measurement falls to 1/e: another process may start at any time. */
const MEMORY_MS = 250;
/** Weight of the initial assumption, as ms of busy threads. */
const ASSUMED_MS = 20;
const MIB = 1 << 20;

/**
 * Measures the number of cores that the threads get, and the CPU time of all work but packing. Both are
 * running means whose weights decay with time.
 */
export class CoreMeter {
  private busyMs: number;
  private busyCpuMs: number;
  private jobsAtMs = 0;
  /** Work of the threads and of the calling thread. Their bytes differ, since the threads read ahead. */
  private readonly threadWork = new DecayingRatio();
  private readonly callingWork = new DecayingRatio();

  /** `available`: cores that the process may use. `working`: returns the number of threads that work now. */
  constructor(
    threads: number,
    available: number,
    private readonly working = () => threads,
  ) {
    this.busyMs = threads * ASSUMED_MS;
    this.busyCpuMs = Math.min(threads, available) * ASSUMED_MS;
  }

  /** Cores that the threads get while they work; may be fractional. */
  get cores(): number {
    return (this.working() * this.busyCpuMs) / this.busyMs;
  }

  /** CPU ms per MiB of image of all stages but packing; undefined before the first MiB. */
  get floorMsPerMiB(): number | undefined {
    const { threadWork, callingWork } = this;
    return callingWork.bytes > 0 ? threadWork.msPerMiB + callingWork.msPerMiB : undefined;
  }

  /** Record a job that ended at `nowMs`. `cpuMs`: the part of `ms` in which its thread had a core. */
  job(nowMs: number, ms: number, cpuMs: number): void {
    const kept = keptAfter(nowMs - this.jobsAtMs);
    this.jobsAtMs = nowMs;
    this.busyMs = kept * this.busyMs + ms;
    this.busyCpuMs = kept * this.busyCpuMs + Math.min(ms, Math.max(0, cpuMs));
  }

  /** Record the CPU ms of reading, scanning and hashing `bytes` bytes. */
  ingest(nowMs: number, cpuMs: number, bytes: number): void {
    this.threadWork.add(nowMs, cpuMs, bytes);
  }

  /** Record the CPU ms of the calling thread, without packing, for `bytes` bytes. */
  calling(nowMs: number, cpuMs: number, bytes: number): void {
    this.callingWork.add(nowMs, cpuMs, bytes);
  }
}

/** CPU time and bytes whose weights decay with time. */
class DecayingRatio {
  bytes = 0;
  private ms = 0;
  private atMs = 0;

  get msPerMiB(): number {
    return this.bytes > 0 ? (this.ms * MIB) / this.bytes : 0;
  }

  add(nowMs: number, ms: number, bytes: number): void {
    const kept = keptAfter(nowMs - this.atMs);
    this.atMs = nowMs;
    this.ms = kept * this.ms + ms;
    this.bytes = kept * this.bytes + bytes;
  }
}

function keptAfter(ms: number): number {
  return Math.exp(-Math.max(0, ms) / MEMORY_MS);
}
