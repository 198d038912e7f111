import { packedLz4Capacity } from '../../codec/lz4.js';
import type { PackingName } from '../../codec/registry.js';
import type { Slots } from '../../kernels/arena.js';
import type { Kernels } from '../../kernels/kernels.js';
import { LAYOUT } from '../../kernels/layout.generated.js';
import type { Packing } from '../../strategy/strategy.js';
import { JOB, JOB_BYTES, JOB_KIND, PACK, PACKINGS } from '../threads/job.js';

const RUN_BYTES = 8;
/** Smallest pieces of a segment on average: pages, and coded pages, which are copied into one run. */
const MIN_PIECE_BYTES = 4096;

/** A packed segment. */
export interface Packed {
  /** `raw` when the packing would not have saved a byte. */
  readonly packing: PackingName;
  /** The packed bytes; for `raw` those of the segment itself. */
  readonly bytes: Uint8Array;
  /** XXH3-64 of the packed bytes: low half, high half. */
  readonly check: readonly [number, number];
  /** Duration of the packing, and the part of it in which its thread had a core. */
  readonly ms: number;
  readonly cpuMs: number;
}

/**
 * One segment: a list of runs in the kernels' memory (pages that stay where they were read, and bytes that
 * were copied into the segment's own buffer), and a buffer for the packed bytes. Reused frame after frame.
 */
export class SegmentBuffer {
  /** Bytes and pages in the segment. */
  used = 0;
  pages = 0;
  runCount = 0;
  /** The job that packs the segment. */
  readonly job: number;
  private readonly kernels: Kernels;
  private readonly runs: number;
  private readonly output: number;
  /** The buffer for copied bytes, and how many are in it. */
  private readonly own: number;
  private ownUsed = 0;

  constructor(slots: Slots, capacity: number, option?: string) {
    this.kernels = slots.kernels;
    this.job = slots.slot('packing job', JOB_BYTES);
    this.runs = slots.slot(
      'runs of a segment',
      RUN_BYTES * (2 + Math.ceil(capacity / MIN_PIECE_BYTES)),
      option,
    );
    this.own = slots.slot('segment', capacity, option);
    this.output = slots.slot('packed segment', packedLz4Capacity(capacity), option);
  }

  /** Make the segment empty. */
  clear(): void {
    this.used = 0;
    this.pages = 0;
    this.runCount = 0;
    this.ownUsed = 0;
  }

  /** Append the bytes of pages at `address`, which have to stay there until the segment is written. */
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

  /** Append a copy of the bytes at `address`. */
  appendCopy(address: number, bytes: number, pages = 1): void {
    const to = this.own + this.ownUsed;
    this.kernels.run.copyBytes(to, address, bytes);
    this.ownUsed += bytes;
    this.append(to, bytes, pages);
  }

  /** Prepare the job that packs the segment. */
  prepareJob({ name, level = 0 }: Packing): void {
    const { words } = this.kernels;
    const at = this.job >>> 2;
    words[at + JOB.KIND] = JOB_KIND.PACK;
    words[at + PACK.RUNS] = this.runs;
    words[at + PACK.RUN_COUNT] = this.runCount;
    words[at + PACK.BYTES] = this.used;
    words[at + PACK.PACKING] = PACKINGS.indexOf(name as (typeof PACKINGS)[number]);
    words[at + PACK.LEVEL] = level;
    words[at + PACK.OUTPUT] = this.output;
  }

  /** The result of the job; its bytes are valid until the segment is used again. */
  result(): Packed {
    const { words, bytes } = this.kernels;
    const at = this.job >>> 2;
    const packed = words[at + PACK.PACKED]!;
    const ms = words[at + JOB.WALL_US]! / 1000;
    return {
      packing: PACKINGS[words[at + PACK.USED_PACKING]!]!,
      bytes: bytes.subarray(packed, packed + words[at + PACK.PACKED_BYTES]!),
      check: [words[at + PACK.CHECK_LOW]!, words[at + PACK.CHECK_HIGH]!],
      ms,
      cpuMs: Math.max(0, ms - words[at + JOB.WAIT_US]! / 1000),
    };
  }

  /** Return the segment's bytes in one piece, in memory of their own. */
  copyBytes(): Uint8Array {
    const { words, bytes } = this.kernels;
    const copy = new Uint8Array(this.used);
    let end = 0;
    for (let i = 0; i < this.runCount; i++) {
      const run = (this.runs >>> 2) + 2 * i;
      copy.set(bytes.subarray(words[run]!, words[run]! + words[run + 1]!), end);
      end += words[run + 1]!;
    }
    return copy;
  }

  /** Store bytes that were packed elsewhere as the packed bytes. */
  setOutput(packed: Uint8Array): number {
    this.kernels.bytes.set(packed, this.output);
    return this.output;
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

/** One page in 16 is profiled for the estimate of a segment. */
const SAMPLE_EVERY = 16;

/**
 * Return a function that estimates the share of a segment's bytes that an LZ codec would leave, 0 … 1, from a
 * sample of its pages.
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
