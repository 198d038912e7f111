// The job that packs a segment: its record, and the functions that write, run and read it.
import type { CodecContext } from '../../codec/codec.js';
import { packLz4Runs } from '../../codec/lz4.js';
import type { ZstdSet } from '../../codec/zstd/load.js';
import {
  packWideRuns,
  packZstdRuns,
  resultOf,
  type SegmentRuns,
  type SegmentScratch,
} from '../../codec/zstd/segment.js';
import { checkedResult, type Zstd } from '../../codec/zstd.js';
import type { Kernels } from '../../kernels/kernels.js';
import type { Packing } from '../../strategy/strategy.js';
import { beginJob, JOB_KIND } from './job.js';
import type { RunnerSlots } from './runner-slots.js';
import { canStayInRuns } from './stored-runs.js';

/** Maximum level of zstd that takes at most about twice the time of LZ4. */
const MAX_SHORT_LEVEL = 1;

// Words of the job.
/** Address and number of the segment's runs (two words each: address, bytes), and the bytes of all runs. */
const PACK_RUNS = 4;
const PACK_RUN_COUNT = 5;
const PACK_BYTES = 6;
/** Number of the packing in PACKINGS, and the level of zstd. */
const PACK_PACKING = 7;
const PACK_LEVEL = 8;
/** Address of the output, whose capacity is `packedLz4Capacity` of the bytes. */
const PACK_OUTPUT = 9;
/** Results: the packing used, the address of the packed bytes or IN_RUNS, their number, and their check. */
const PACK_USED_PACKING = 10;
const PACK_PACKED = 11;
const PACK_PACKED_BYTES = 12;
const PACK_CHECK_LOW = 13;
const PACK_CHECK_HIGH = 14;
/** A second level of zstd to try; 0: none. */
const PACK_SECOND_LEVEL = 15;
/** 1: pack with the kernels' zstd; 0: with Node's or the caller's. */
const PACK_BY_KERNELS = 16;
/** Addresses of zstd's scratch and a buffer for a window of the whole segment; 0: use the thread's own. */
const PACK_WIDE_SCRATCH = 17;
const PACK_WIDE_BUFFER = 18;

const PACKINGS = ['raw', 'lz4', 'zstd'] as const;

/** PACK_PACKED of a stored segment whose bytes are written from its runs, without a copy. */
const IN_RUNS = 0;

const DEFAULT_ZSTD_LEVEL = 3;

/** Settings of a packing job. */
export interface PackSettings {
  readonly packing: Packing;
  /** Whether the kernels' zstd packs. */
  readonly byKernels: boolean;
  /** Scratch for a window of the whole segment. */
  readonly wide?: SegmentScratch | undefined;
  /** Address of `packedLz4Capacity` bytes. */
  readonly output: number;
}

/** Result of a packing job. */
export interface PackResult {
  /** The packing used. */
  readonly packing: (typeof PACKINGS)[number];
  /** Address of the packed bytes; undefined: they are those of the segment's runs. */
  readonly address: number | undefined;
  readonly packedBytes: number;
  /** XXH3-64 of the packed bytes: low half, high half. */
  readonly check: readonly [number, number];
}

/**
 * Return whether a packing takes much longer than LZ4. The calling thread helps with the others, so that no
 * worker has to be started for the last core.
 */
function isLong({ name, level = MAX_SHORT_LEVEL + 1 }: Packing): boolean {
  return name === 'zstd' && level > MAX_SHORT_LEVEL;
}

/** Write the record of a job that packs `segment`. */
export function writePackJob(
  words: Uint32Array,
  job: number,
  segment: SegmentRuns,
  { packing, byKernels, wide, output }: PackSettings,
): void {
  const at = beginJob(words, job, JOB_KIND.PACK, isLong(packing));
  words[at + PACK_RUNS] = segment.runs;
  words[at + PACK_RUN_COUNT] = segment.count;
  words[at + PACK_BYTES] = segment.bytes;
  words[at + PACK_PACKING] = PACKINGS.indexOf(packing.name as (typeof PACKINGS)[number]);
  words[at + PACK_LEVEL] = packing.level ?? 0;
  words[at + PACK_SECOND_LEVEL] = packing.secondLevel ?? 0;
  words[at + PACK_BY_KERNELS] = byKernels ? 1 : 0;
  words[at + PACK_WIDE_SCRATCH] = wide?.zstdScratch ?? 0;
  words[at + PACK_WIDE_BUFFER] = wide?.segment ?? 0;
  words[at + PACK_OUTPUT] = output;
}

/** Read the result of an ended job. */
export function readPackResult(words: Uint32Array, job: number): PackResult {
  const at = job >>> 2;
  const address = words[at + PACK_PACKED]!;
  return {
    packing: PACKINGS[words[at + PACK_USED_PACKING]!]!,
    address: address === IN_RUNS ? undefined : address,
    packedBytes: words[at + PACK_PACKED_BYTES]!,
    check: [words[at + PACK_CHECK_LOW]!, words[at + PACK_CHECK_HIGH]!],
  };
}

/** Run a job. */
export function runPackJob(codec: CodecContext, slots: RunnerSlots, zstd: ZstdSet, job: number): void {
  const { kernels } = codec;
  const { words, run } = kernels;
  const at = job >>> 2;
  const runs = words[at + PACK_RUNS]!;
  const count = words[at + PACK_RUN_COUNT]!;
  const bytes = words[at + PACK_BYTES]!;
  const segment = { runs, count, bytes };
  const output = words[at + PACK_OUTPUT]!;
  let name = PACKINGS[words[at + PACK_PACKING]!]!;
  let packed = output;
  let packedBytes = 0;
  if (name === 'lz4') packedBytes = packLz4Runs(codec, runs, count, output, slots.block);
  else if (name === 'zstd')
    packedBytes =
      words[at + PACK_BY_KERNELS] === 1
        ? packByKernels(codec, slots, at, segment, output)
        : packByOther(kernels, zstd.other!, at, segment, output);
  if (name === 'raw' || packedBytes >= bytes) {
    name = 'raw';
    packedBytes = bytes;
    packed = canStayInRuns(words, runs, count, bytes) ? IN_RUNS : collect(kernels, segment, output);
  }
  words[at + PACK_USED_PACKING] = PACKINGS.indexOf(name);
  words[at + PACK_PACKED] = packed;
  words[at + PACK_PACKED_BYTES] = packedBytes;
  const { check } = slots;
  if (packed === IN_RUNS) run.hash64Runs(runs, count, bytes, check);
  else run.hash64(packed, packedBytes, 0, 0, check);
  words[at + PACK_CHECK_LOW] = words[check >>> 2]!;
  words[at + PACK_CHECK_HIGH] = words[(check >>> 2) + 1]!;
}

/** Pack with the kernels' zstd; return the packed bytes, or the segment's bytes if packing saves none. */
function packByKernels(
  { kernels, maxZstdLevel }: CodecContext,
  slots: RunnerSlots,
  at: number,
  segment: SegmentRuns,
  output: number,
): number {
  const { words } = kernels;
  const wanted = words[at + PACK_LEVEL]! | 0 || DEFAULT_ZSTD_LEVEL;
  const wide = { zstdScratch: words[at + PACK_WIDE_SCRATCH]!, segment: words[at + PACK_WIDE_BUFFER]! };
  const packed =
    wide.zstdScratch === 0
      ? packZstdRuns(kernels, slots, segment, Math.min(wanted, maxZstdLevel), output)
      : resultOf(packWideRuns(kernels, wide, segment, wanted, output));
  return packed < 0 ? segment.bytes : packed;
}

/** As `packByKernels`, with Node's zstd or the caller's. */
function packByOther(kernels: Kernels, zstd: Zstd, at: number, segment: SegmentRuns, output: number): number {
  const { bytes } = segment;
  const { words, bytes: memory } = kernels;
  // The output buffer first holds the collected segment; the result, in zstd's memory, then replaces it.
  const start = collect(kernels, segment, output);
  const content = memory.subarray(start, start + bytes);
  const compress = (level: number) => checkedResult(zstd, zstd.compress(content, level), bytes);
  let frame = compress(words[at + PACK_LEVEL]! || DEFAULT_ZSTD_LEVEL);
  const secondLevel = words[at + PACK_SECOND_LEVEL]!;
  if (secondLevel !== 0) frame = shorter(frame, compress(secondLevel));
  if (frame.length >= bytes) return bytes;
  memory.set(frame, output);
  return frame.length;
}

/** Return the address of a segment's bytes in one piece: its only run, or a copy of all runs at `to`. */
function collect({ words, run }: Kernels, { runs, count }: SegmentRuns, to: number): number {
  const first = runs >>> 2;
  if (count === 1) return words[first]!;
  let end = to;
  for (let i = 0; i < count; i++) {
    const from = words[first + 2 * i]!;
    const length = words[first + 2 * i + 1]!;
    run.copyBytes(end, from, length);
    end += length;
  }
  return to;
}

/** Return the shorter frame, the first if both have the same length. */
export function shorter(first: Uint8Array, second: Uint8Array): Uint8Array {
  return second.length < first.length ? second : first;
}
