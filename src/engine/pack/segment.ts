import type { PackingName } from '../../codec/registry.js';
import { packWideRuns, type SegmentScratch } from '../../codec/zstd/segment.js';
import type { Slots } from '../../kernels/arena.js';
import type { Kernels } from '../../kernels/kernels.js';
import { LAYOUT } from '../../kernels/layout.generated.js';
import { nextTurn, throwIfAborted } from '../../page/sync.js';
import type { Packing } from '../../strategy/strategy.js';
import { JOB_BYTES, jobTime } from '../threads/job.js';
import { readPackResult, writePackJob } from '../threads/pack-job.js';
import { EXTENT_BYTES, type SegmentMemory } from './segment-memory.js';

const RUN_BYTES = 8;
/** Lower bound on the average run: a page. Coded pages are shorter, but their copies form one run. */
const MIN_PIECE_BYTES = 4096;

/** A packed segment. */
export interface Packed {
  /** The packing used: `raw` if the one asked for saved no bytes. */
  readonly packing: PackingName;
  /** The packed bytes, in order; for `raw` views of the segment's own bytes. */
  readonly parts: readonly Uint8Array[];
  readonly packedBytes: number;
  /** XXH3-64 of the packed bytes: low half, high half. */
  readonly check: readonly [number, number];
  /** Elapsed ms of the packing. */
  readonly ms: number;
  /** The part of `ms` in which the thread had a core. */
  readonly cpuMs: number;
}

/**
 * One segment: a list of runs (address, bytes) in the kernels' memory, and space for the packed bytes. A run
 * is pages in the chunk that they were read into, or bytes copied to the `SegmentMemory`. Reused for every
 * frame.
 */
export class SegmentBuffer {
  /** Bytes in the segment, and its pages. */
  used = 0;
  pages = 0;
  runCount = 0;
  /** The job that packs the segment. */
  readonly job: number;
  private readonly kernels: Kernels;
  /** Address of the list of runs. */
  private readonly runs: number;
  /** Address of the packed bytes; 0 until space is taken for them. */
  private output = 0;
  /** Address for the next copied bytes, and the end of their extent. */
  private next = 0;
  private end = 0;

  /** `isAscending`: take extents in ascending order; at most one segment of a memory. */
  constructor(
    slots: Slots,
    private readonly memory: SegmentMemory,
    private readonly isAscending: boolean,
    option?: string,
  ) {
    this.kernels = slots.kernels;
    this.job = slots.slot('packing job', JOB_BYTES);
    const runs = 2 + Math.ceil(memory.capacity / MIN_PIECE_BYTES);
    this.runs = slots.slot('runs of a segment', RUN_BYTES * runs, option);
  }

  /** Empty the segment. All segments that share a memory must be cleared together. */
  clear(): void {
    this.clearRuns();
    this.next = 0;
    this.end = 0;
    this.memory.clear();
  }

  /** Empty the list of runs but keep copied bytes. Clear all segments of a memory together. */
  clearRuns(): void {
    this.used = 0;
    this.pages = 0;
    this.runCount = 0;
    this.output = 0;
    this.memory.clearOutput();
  }

  /** Append a run of pages without a copy: its bytes must stay at `address` until the segment is written. */
  append(address: number, bytes: number, pages = 1): void {
    const { words } = this.kernels;
    const last = (this.runs >>> 2) + 2 * (this.runCount - 1);
    if (this.runCount > 0 && words[last]! + words[last + 1]! === address) words[last + 1]! += bytes;
    else {
      words[last + 2] = address;
      words[last + 3] = bytes;
      this.runCount++;
    }
    this.used += bytes;
    this.pages += pages;
  }

  /** Copy bytes to the segment's memory and return the address of the copy, which is not appended. */
  copy(address: number, bytes: number): number {
    if (bytes > this.end - this.next) {
      this.next = this.memory.takeExtent(this.isAscending);
      this.end = this.next + EXTENT_BYTES;
    }
    const to = this.next;
    this.kernels.run.copyBytes(to, address, bytes);
    this.next += bytes;
    return to;
  }

  /** Prepare the packing job. `byKernels`: the kernels' zstd. `wide`: scratch for a long window. */
  prepareJob(packing: Packing, byKernels: boolean, wide?: SegmentScratch): void {
    const segment = { runs: this.runs, count: this.runCount, bytes: this.used };
    const output = this.takeOutput();
    writePackJob(this.kernels.words, this.job, segment, { packing, byKernels, wide, output });
  }

  /** Return the job's result; its bytes are valid until the segment is used again. */
  result(): Packed {
    const { words, bytes } = this.kernels;
    const { ms, waitMs } = jobTime(words, this.job);
    const { packing, address, packedBytes, check } = readPackResult(words, this.job);
    const parts = address === undefined ? this.runBytes() : [bytes.subarray(address, address + packedBytes)];
    return { packing, parts, packedBytes, check, ms, cpuMs: Math.max(0, ms - waitMs) };
  }

  /** Return a view of every run. */
  private runBytes(): Uint8Array[] {
    const { words, bytes } = this.kernels;
    return Array.from({ length: this.runCount }, (_, i) => {
      const run = (this.runs >>> 2) + 2 * i;
      return bytes.subarray(words[run]!, words[run]! + words[run + 1]!);
    });
  }

  /** Return a copy of the segment's bytes from `from` to `to`. */
  copyBytes(from = 0, to = this.used): Uint8Array {
    const { words, bytes } = this.kernels;
    const copy = new Uint8Array(to - from);
    let start = 0;
    for (let i = 0; i < this.runCount && start < to; i++) {
      const run = (this.runs >>> 2) + 2 * i;
      const [address, length] = [words[run]!, words[run + 1]!];
      const [first, last] = [Math.max(from, start), Math.min(to, start + length)];
      if (first < last)
        copy.set(bytes.subarray(address + first - start, address + last - start), first - from);
      start += length;
    }
    return copy;
  }

  /**
   * Pack on the calling thread with a window of the whole segment; yields after each block. Returns the
   * packed bytes, or a copy of the segment.
   */
  async packWide(wide: SegmentScratch, level: number, signal?: AbortSignal): Promise<Uint8Array> {
    const { kernels, runs, runCount: count, used: bytes } = this;
    const output = this.takeOutput();
    const steps = packWideRuns(kernels, wide, { runs, count, bytes }, level, output);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value < 0 ? this.copyBytes() : kernels.bytes.subarray(output, output + value);
      await nextTurn();
      throwIfAborted(signal);
    }
  }

  private takeOutput(): number {
    this.output ||= this.memory.takeOutput(this.used);
    return this.output;
  }

  /** Store the bytes that another packer returned as the packed bytes; return their address. */
  setOutput(packed: Uint8Array): number {
    const output = this.takeOutput();
    this.kernels.bytes.set(packed, output);
    return output;
  }

  /** Call `visit` with the address of one page in `every`. */
  sample(pageBytes: number, every: number, visit: (page: number) => void): void {
    const { words } = this.kernels;
    let skip = 0;
    for (let i = 0; i < this.runCount; i++) {
      const run = (this.runs >>> 2) + 2 * i;
      const pages = Math.floor(words[run + 1]! / pageBytes);
      let page = skip;
      for (; page < pages; page += every) visit(words[run]! + page * pageBytes);
      skip = page - pages;
    }
  }
}

/** The estimate of a segment profiles one page in this many. */
const SAMPLE_EVERY = 16;

/**
 * Create a function that estimates a segment's compressed size as a ratio of its bytes, 0 … 1, for an
 * LZ-class codec, from a sample of its pages.
 */
export function createEstimate(slots: Slots, pageBytes: number): (segment: SegmentBuffer) => number {
  const { kernels } = slots;
  const profile = slots.slot('profile', LAYOUT.PROFILE_BYTES);
  const field = (profile + LAYOUT.PROFILE_ESTIMATED_BYTES) >>> 2;
  return (segment) => {
    const { run, words } = kernels;
    let estimated = 0;
    let sampled = 0;
    segment.sample(pageBytes, SAMPLE_EVERY, (page) => {
      run.profilePage(page, 0, pageBytes, profile);
      estimated += words[field]!;
      sampled += pageBytes;
    });
    return sampled === 0 ? 1 : estimated / sampled;
  };
}
