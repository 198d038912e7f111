import type { PackingResult, StreamState } from '../strategy.js';
import { isFastLink } from './bottleneck-estimator.js';
import { CODED_RATIO } from './compressibility.js';

/** Time in which the weight of a result falls to 1/e. */
const MEMORY_MS = 250;
/**
 * Assumptions before the first result: LZ4 or a low level of zstd. On a fast link pages stay uncompressed.
 */
const INITIAL_RATIO = 0.5;
const INITIAL_BYTES_PER_MS = 500e3;
const INITIAL_BYTES = 1 << 16;

/** Recent packed bytes and packing time of pages in groups: what a duplicate or delta of a page saves. */
export class PackedPages {
  private bytes = 0;
  private packedBytes = 0;
  private ms = 0;
  private atMs = 0;

  /** Set the time of the results until the next call, and age those before. */
  update(state: StreamState): void {
    const nowMs = state.elapsedMs();
    if (this.bytes === 0) {
      const isFast = isFastLink(state);
      this.bytes = INITIAL_BYTES;
      this.packedBytes = INITIAL_BYTES * (isFast ? 1 : INITIAL_RATIO);
      this.ms = isFast ? 0 : INITIAL_BYTES / INITIAL_BYTES_PER_MS;
    }
    const kept = Math.exp(-Math.max(0, nowMs - this.atMs) / MEMORY_MS);
    this.atMs = nowMs;
    this.bytes *= kept;
    this.packedBytes *= kept;
    this.ms *= kept;
  }

  /** Record a result. */
  learn({ group, packedBytes, ms, cpuMs = ms }: PackingResult): void {
    if (group.kind === 'coded') return;
    this.bytes += group.bytes;
    this.packedBytes += packedBytes;
    this.ms += cpuMs;
  }

  /** Return the expected packed bytes of a page. */
  bytesOf(pageBytes: number): number {
    return this.bytes > 0 ? (pageBytes * this.packedBytes) / this.bytes : pageBytes;
  }

  /** Return the expected ms of packing a page on one thread. */
  msOf(pageBytes: number): number {
    return this.bytes > 0 ? (pageBytes * this.ms) / this.bytes : 0;
  }

  /** Return the expected bytes that coding a page to `codedBytes` saves. */
  savedBy(codedBytes: number, pageBytes: number): number {
    return Math.max(0, this.bytesOf(pageBytes) - CODED_RATIO * codedBytes);
  }
}
