import type { PackingResult, StreamState } from '../strategy.js';
import { isFastLink } from './bottleneck-estimator.js';
import { CODED_RATIO } from './compressibility.js';

/** Results keep 1/e of their weight after this time. */
const MEMORY_MS = 250;
/** Assumed before the first result: packed with LZ4 or a low level; on a fast link, uncompressed. */
const INITIAL_RATIO = 0.5;
const INITIAL_BYTES_PER_MS = 500e3;
const INITIAL_BYTES = 1 << 16;

/** What pages of a group cost lately: packed bytes and packing time. A look that finds a page saves them. */
export class PackedPages {
  private bytes = 0;
  private packedBytes = 0;
  private ms = 0;
  private atMs = 0;

  /** Set the time; what is learnt until the next call belongs to it. */
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

  /** Return the packed bytes of a page. */
  bytesOf(pageBytes: number): number {
    return this.bytes > 0 ? (pageBytes * this.packedBytes) / this.bytes : pageBytes;
  }

  /** Return the ms of packing a page on one thread. */
  msOf(pageBytes: number): number {
    return this.bytes > 0 ? (pageBytes * this.ms) / this.bytes : 0;
  }

  /** Return the bytes that are saved by a page that is coded to `codedBytes`. */
  savedBy(codedBytes: number, pageBytes: number): number {
    return Math.max(0, this.bytesOf(pageBytes) - CODED_RATIO * codedBytes);
  }
}
