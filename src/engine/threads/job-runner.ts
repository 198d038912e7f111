import type { CodecContext } from '../../codec/codec.js';
import { packLz4Runs } from '../../codec/lz4.js';
import type { ZstdSet } from '../../codec/zstd/load.js';
import { packWideRuns, packZstdRuns, resultOf, segmentBufferBytes } from '../../codec/zstd/segment.js';
import type { Slots } from '../../kernels/arena.js';
import { nodeModule } from '../../page/node-hooks.js';
import type { PageFrameJobs } from '../page-frames/jobs.js';
import { confirmDuplicates } from './confirm-duplicates.js';
import { decodePages } from './decode-pages.js';
import { IN_RUNS, INGEST, JOB, JOB_KIND, JOB_STATUS, NO_FILE, PACK, PACKINGS, setJobError } from './job.js';
import { canStayInRuns } from './stored-runs.js';
import { compareWithParent, surveyPages } from './survey.js';
import { endInTurn } from './turns.js';
import { cpuUs, heldUs, waitedUs } from './wait-clock.js';

const LZ4_BLOCK_BYTES = 65536;
const DEFAULT_ZSTD_LEVEL = 3;

/** Addresses of one thread's memory: the codecs' scratch, and buffers. */
export interface RunnerSlots extends Omit<CodecContext, 'kernels'> {
  /** Buffer of one LZ4 block. */
  readonly block: number;
  /** Buffer of a segment, for zstd. */
  readonly segment: number;
  /** 16 bytes for a check. */
  readonly check: number;
}

/** Declare the memory of one thread. `segmentBytes`: the largest segment that it packs. */
export function declareRunner(slots: Slots, codec: CodecContext, segmentBytes: number): RunnerSlots {
  const { kernels, ...scratch } = codec;
  return {
    ...scratch,
    block: slots.slot('block', LZ4_BLOCK_BYTES),
    segment: slots.slot('segment', segmentBufferBytes(segmentBytes), 'threads'),
    check: slots.slot('check', 16),
  };
}

/** Runs jobs, one at a time, on the thread that calls it. */
export class JobRunner {
  /** Elapsed ms of all jobs so far. */
  totalMs = 0;
  /** The part of `totalMs` in which jobs waited for a core. */
  totalWaitMs = 0;
  /** Ms in which the current job read files. */
  private readMs = 0;
  /** The whole memory, for atomic operations. */
  private readonly control: Int32Array;
  private readonly fs = nodeModule<typeof import('node:fs')>('node:fs');

  constructor(
    private readonly codec: CodecContext,
    private readonly slots: RunnerSlots,
    private readonly zstd: ZstdSet,
    /** Runs the jobs of a store; absent in other programs. */
    private readonly frameJobs?: PageFrameJobs,
  ) {
    this.control = new Int32Array(codec.kernels.memory.buffer);
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
      if (kind === JOB_KIND.INGEST) this.ingest(at);
      else if (kind === JOB_KIND.PACK) this.pack(at);
      else if (kind === JOB_KIND.PACK_PAGES) this.frameJobs!.packPages(this.codec, at);
      else decodePages(this.codec, this.zstd, this.slots.check, at);
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
    if (kind === JOB_KIND.INGEST && words[at + INGEST.TURNS] !== 0) {
      words[at + INGEST.OUTCOME] = status;
      const [turns, turn] = [words[at + INGEST.TURNS]!, words[at + INGEST.TURN]!];
      return endInTurn(this.control, turns, job, turn, this.lookUp, this.confirm);
    }
    Atomics.store(this.control, at + JOB.STATUS, status);
    return 1;
  }

  /** Look up the pages of an ingest job in the page index, when its turn comes. */
  private readonly lookUp = (job: number): void => {
    const { words, run } = this.codec.kernels;
    const at = job >>> 2;
    if (words[at + INGEST.OUTCOME] !== JOB_STATUS.DONE) return;
    const startedMs = performance.now();
    run.indexAddPages(
      words[at + INGEST.INDEX]!,
      words[at + INGEST.BUCKETS]!,
      words[at + INGEST.DIGESTS]!,
      words[at + INGEST.CLASSES]!,
      Math.floor(words[at + INGEST.READ]! / words[at + INGEST.PAGE_BYTES]!),
      words[at + INGEST.IMAGE]!,
      words[at + INGEST.FIRST_PAGE]!,
      words[at + INGEST.REFERENCES]!,
      words[at + INGEST.KNOWN]!,
    );
    words[at + INGEST.LOOKED_US] = this.addTime(at, startedMs);
  };

  /** Compare the pages of an ingest job with those that the index found, and set the job's status. */
  private readonly confirm = (job: number): void => {
    const { kernels } = this.codec;
    const at = job >>> 2;
    const outcome = kernels.words[at + INGEST.OUTCOME]!;
    if (outcome === JOB_STATUS.DONE) {
      const startedMs = performance.now();
      try {
        confirmDuplicates(kernels, at, this.slots.block, LZ4_BLOCK_BYTES, this.read);
      } catch {
        // The file cannot be read any more: the calling thread reads it again and reports the error.
      }
      this.addTime(at, startedMs);
    }
    Atomics.store(this.control, at + JOB.STATUS, outcome);
  };

  /** Add the time since `startedMs` to the duration of a job; return it in µs. */
  private addTime(at: number, startedMs: number): number {
    const ms = performance.now() - startedMs;
    this.totalMs += ms;
    const us = Math.round(ms * 1000);
    this.codec.kernels.words[at + JOB.WALL_US]! += us;
    return us;
  }

  private ingest(at: number): void {
    const { kernels } = this.codec;
    const { words } = kernels;
    const address = words[at + INGEST.ADDRESS]!;
    const bytes = words[at + INGEST.BYTES]!;
    const pageBytes = words[at + INGEST.PAGE_BYTES]!;
    const file = words[at + INGEST.FILE]!;
    const offset = words[at + INGEST.OFFSET_LOW]! + words[at + INGEST.OFFSET_HIGH]! * 2 ** 32;
    this.readMs = 0;
    const read = file === NO_FILE ? bytes : this.read(file, offset, address, bytes);
    words[at + INGEST.READ] = read;
    const pages = Math.floor(read / pageBytes);
    const [classes, digests] = [words[at + INGEST.CLASSES]!, words[at + INGEST.DIGESTS]!];
    const key = words[at + INGEST.KEY]!;
    if (key !== 0) this.frameJobs!.surveyKeyed(this.codec, address, pages, pageBytes, classes, digests, key);
    else surveyPages(kernels, address, pages, pageBytes, classes, digests, words[at + INGEST.ZERO_DIGEST]!);
    if (words[at + INGEST.PARENT_FILE] !== NO_FILE) this.compareParent(at, address, pages);
    words[at + INGEST.READ_US] = Math.round(this.readMs * 1000);
  }

  private compareParent(at: number, address: number, pages: number): void {
    const { kernels } = this.codec;
    const { words } = kernels;
    const pageBytes = words[at + INGEST.PAGE_BYTES]!;
    const classes = words[at + INGEST.CLASSES]!;
    const parent = { address: words[at + INGEST.PARENT]!, equal: words[at + INGEST.EQUAL]! };
    const parentFile = words[at + INGEST.PARENT_FILE]!;
    const parentOffset = words[at + INGEST.PARENT_LOW]! + words[at + INGEST.PARENT_HIGH]! * 2 ** 32;
    const available = words[at + INGEST.PARENT_BYTES]!;
    compareWithParent(kernels, { address, pages, pageBytes, classes }, parent, (from, to) => {
      const wanted = Math.max(0, Math.min(to, available) - from);
      return this.read(parentFile, parentOffset + from, parent.address + from, wanted);
    });
  }

  /** Read from a file into the kernels' memory; return the bytes read, fewer only at the file's end. */
  private readonly read = (file: number, offset: number, address: number, bytes: number): number => {
    const startedMs = performance.now();
    const into = this.codec.kernels.bytes.subarray(address, address + bytes);
    let done = 0;
    while (done < bytes) {
      const count = this.fs!.readSync(file, into, done, bytes - done, offset + done);
      if (count === 0) break;
      done += count;
    }
    this.readMs += performance.now() - startedMs;
    return done;
  };

  private pack(at: number): void {
    const { words } = this.codec.kernels;
    const runs = words[at + PACK.RUNS]!;
    const count = words[at + PACK.RUN_COUNT]!;
    const bytes = words[at + PACK.BYTES]!;
    const output = words[at + PACK.OUTPUT]!;
    let name = PACKINGS[words[at + PACK.PACKING]!]!;
    let packed = output;
    let packedBytes = 0;
    if (name === 'lz4') {
      packedBytes = packLz4Runs(this.codec, runs, count, output, this.slots.block);
    } else if (name === 'zstd') packedBytes = this.packZstd(at, runs, count, bytes, output);
    if (name === 'raw' || packedBytes >= bytes) {
      name = 'raw';
      packedBytes = bytes;
      packed = canStayInRuns(words, runs, count, bytes) ? IN_RUNS : this.collect(runs, count, output);
    }
    words[at + PACK.USED_PACKING] = PACKINGS.indexOf(name);
    words[at + PACK.PACKED] = packed;
    words[at + PACK.PACKED_BYTES] = packedBytes;
    const { run } = this.codec.kernels;
    if (packed === IN_RUNS) run.hash64Runs(runs, count, bytes, this.slots.check);
    else run.hash64(packed, packedBytes, 0, 0, this.slots.check);
    words[at + PACK.CHECK_LOW] = words[this.slots.check >>> 2]!;
    words[at + PACK.CHECK_HIGH] = words[(this.slots.check >>> 2) + 1]!;
  }

  /** Pack with zstd; return the number of packed bytes, or `bytes` if packing saves none. */
  private packZstd(at: number, runs: number, count: number, bytes: number, output: number): number {
    const { words, bytes: memory } = this.codec.kernels;
    if (words[at + PACK.BY_KERNELS] === 1) {
      const wanted = words[at + PACK.LEVEL]! | 0 || DEFAULT_ZSTD_LEVEL;
      const { kernels, maxZstdLevel } = this.codec;
      const segment = { runs, count, bytes };
      const wide = { zstdScratch: words[at + PACK.WIDE_SCRATCH]!, segment: words[at + PACK.WIDE_BUFFER]! };
      const level = wide.zstdScratch === 0 ? Math.min(wanted, maxZstdLevel) : wanted;
      const packed =
        wide.zstdScratch === 0
          ? packZstdRuns(kernels, this.slots, segment, level, output)
          : resultOf(packWideRuns(kernels, wide, segment, level, output));
      return packed < 0 ? bytes : packed;
    }
    // The output buffer first holds the collected segment; the result, in zstd's memory, then replaces it.
    const segment = this.collect(runs, count, output);
    const content = memory.subarray(segment, segment + bytes);
    let frame = this.zstd.other!.compress(content, words[at + PACK.LEVEL]! || DEFAULT_ZSTD_LEVEL);
    const secondLevel = words[at + PACK.SECOND_LEVEL]!;
    if (secondLevel !== 0) frame = shorter(frame, this.zstd.other!.compress(content, secondLevel));
    if (frame.length >= bytes) return bytes;
    memory.set(frame, output);
    return frame.length;
  }

  /** Return the address of a segment's bytes in one piece: its only run, or a copy of all runs at `to`. */
  private collect(runs: number, count: number, to: number): number {
    const { words, run } = this.codec.kernels;
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
}

/** Return the shorter frame, the first if both have the same length. */
export function shorter(first: Uint8Array, second: Uint8Array): Uint8Array {
  return second.length < first.length ? second : first;
}
