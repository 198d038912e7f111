import type { PackingResult, Strategy } from '../../strategy/strategy.js';
import type { Threads } from '../threads/threads.js';
import { waitedUs } from '../threads/wait-clock.js';
import type { CoreMeter } from './core-meter.js';
import type { IngestMeter } from './ingest.js';
import type { Timeline } from './timeline.js';

/** Context of a stage meter. */
export interface StageMeterOptions {
  /** Returns the ms since the stream began. */
  readonly elapsedMs: () => number;
  readonly cores: CoreMeter;
  readonly timeline: Timeline | undefined;
  readonly threads: Pick<Threads, 'count' | 'pending' | 'local'>;
  readonly strategy: Strategy;
  /** Returns the packed bytes that wait for the output. */
  readonly waitingBytes: () => number;
}

/** Measures the stages of one stream. Called once for each chunk, segment and write. */
export class StageMeter implements IngestMeter {
  /** Bytes of carried images whose codecs were chosen so far. */
  bytesRead = 0;
  private startedMs = 0;
  private waitedMs = 0;
  private callingMs = 0;

  constructor(private readonly options: StageMeterOptions) {}

  get cores(): number {
    return this.options.cores.cores;
  }

  get floorMsPerMiB(): number | undefined {
    return this.options.cores.floorMsPerMiB;
  }

  /** Total ms in which the calling thread worked, so that it noticed the end of a write late. */
  get callingBusyMs(): number {
    return this.callingMs + this.options.threads.local.totalMs;
  }

  ingested(bytes: number, ms: number, cpuMs: number, readMs: number): void {
    const { elapsedMs, cores, timeline, threads } = this.options;
    const nowMs = elapsedMs();
    cores.job(nowMs, ms, cpuMs);
    cores.ingest(nowMs, cpuMs, bytes);
    if (!timeline) return;
    const scanMs = Math.max(0, ms - readMs);
    timeline.stage('read', nowMs - scanMs, readMs, Math.min(readMs, cpuMs), threads.count);
    timeline.stage('scan', nowMs, scanMs, Math.max(0, cpuMs - readMs), threads.count);
    this.sample(nowMs);
  }

  sourceRead(ms: number, cpuMs: number): void {
    const { elapsedMs, cores, timeline } = this.options;
    const nowMs = elapsedMs();
    cores.ingest(nowMs, cpuMs, 0);
    timeline?.stage('read', nowMs, ms, cpuMs);
  }

  /** Begin work of the calling thread. `leave` must follow before it awaits anything. */
  enter(): void {
    const { elapsedMs, threads } = this.options;
    const { local } = threads;
    this.startedMs = elapsedMs() - local.totalMs;
    this.waitedMs = waitedUs() / 1000 - local.totalWaitMs;
  }

  /**
   * End the work, without jobs that ran meanwhile. `bytes`: bytes of image that it completed, of a base
   * unless `isCarried`.
   */
  leave(bytes = 0, isCarried = true): void {
    const { elapsedMs, threads, cores, timeline } = this.options;
    const { local } = threads;
    const nowMs = elapsedMs();
    const ms = Math.max(0, nowMs - local.totalMs - this.startedMs);
    const waitMs = waitedUs() / 1000 - local.totalWaitMs - this.waitedMs;
    const cpuMs = Math.min(ms, Math.max(0, ms - waitMs));
    this.callingMs += ms;
    cores.calling(nowMs, cpuMs, bytes);
    if (isCarried) this.bytesRead += bytes;
    timeline?.stage('choose', nowMs, ms, cpuMs);
    if (isCarried && bytes > 0) timeline?.read(nowMs, bytes);
  }

  readonly packed = (result: PackingResult): void => {
    const { elapsedMs, cores, timeline, threads } = this.options;
    const { ms, cpuMs = ms } = result;
    const nowMs = elapsedMs();
    cores.job(nowMs, ms, cpuMs);
    if (!timeline) return;
    timeline.stage('pack', nowMs, ms, cpuMs, threads.count);
    timeline.packed(nowMs, result);
    this.sample(nowMs);
  };

  /** Record a write; its times are ms since the stream began. */
  written(bytes: number, startMs: number, endMs: number): void {
    const { timeline } = this.options;
    timeline?.written(startMs, endMs, bytes);
    if (timeline) this.sample(endMs);
  }

  private sample(nowMs: number): void {
    const { timeline, cores, strategy, threads, waitingBytes } = this.options;
    timeline!.sample(nowMs, {
      cores: cores.cores,
      bytePrice: strategy.explain?.().bytePrice,
      pendingJobs: threads.pending,
      waitingBytes: waitingBytes(),
    });
  }
}
