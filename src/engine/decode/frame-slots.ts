import { codecByName } from '../../codec/registry.js';
import type { Slots } from '../../kernels/arena.js';
import type { Kernels } from '../../kernels/kernels.js';
import { PageferryError } from '../../page/error.js';
import { type FrameHead, MAX_FRAME_HEAD_BYTES } from '../../stream/format.js';
import { CHUNK_BYTES, MIN_PAGE_BYTES } from '../frame/chunk.js';
import {
  type DecodeMemory,
  type DecodeResult,
  readDecodeResult,
  writeDecodeJob,
} from '../threads/decode-job.js';
import { METER_NUMBERS } from '../threads/decode-meter.js';
import { EXTENT, Extents } from '../threads/extents.js';
import { JOB_BYTES } from '../threads/job.js';
import type { Threads } from '../threads/threads.js';
import { POSITION_NUMBERS, packedLimit, unpackedCapacity } from '../unpack/frame-decoder.js';

const ZSTD_ID = codecByName('zstd').wireId;
const ALIGNMENT = 64;
/** JavaScript copies to shared memory by words only if source and destination are equally aligned. */
const WORD_BYTES = 8;
/**
 * Size that slots are made for: the largest frame of this package's encoder, except with very large groups.
 */
const USUAL_FRAME_BYTES = 11 << 20;
/** Frames in addition to one for each thread: one is collected or written, one waits for a thread. */
const SPARE_FRAMES = 2;
/** Enough for one extent for each page of the chunk, and an extent of zero pages between any two. */
const MAX_EXTENTS = 2 * (CHUNK_BYTES / MIN_PAGE_BYTES) + 1;

/** Memory for the frames in flight; with one thread, for one frame. */
export class FrameMemory {
  private readonly kernels: Kernels;
  private readonly address: number;
  private readonly bytes: number;
  private readonly slots: readonly DecodeMemory[];

  /** `maxFrameBytes`: maximum unpacked bytes of a frame. */
  constructor(slots: Slots, maxFrameBytes: number, threads: number) {
    const count = threads > 1 ? threads + SPARE_FRAMES : 1;
    this.kernels = slots.kernels;
    this.bytes = Math.max(
      slotBytes(maxFrameBytes),
      count * slotBytes(Math.min(USUAL_FRAME_BYTES, maxFrameBytes)),
    );
    this.address = slots.slot('frames', this.bytes, 'maxFrameBytes');
    this.slots = Array.from({ length: count }, () => ({
      job: slots.slot('decoding job', JOB_BYTES),
      head: slots.slot('frame head', MAX_FRAME_HEAD_BYTES),
      position: slots.slot('position', 8 * POSITION_NUMBERS),
      extents: slots.slot('extents', 8 * EXTENT.NUMBERS * MAX_EXTENTS),
      maxExtents: MAX_EXTENTS,
      costs: slots.slot('costs', 8 * METER_NUMBERS),
      chunk: slots.slot('decoded pages', CHUNK_BYTES),
      chunkBytes: CHUNK_BYTES,
      digests: slots.slot('page digests', 16 * (CHUNK_BYTES / MIN_PAGE_BYTES)),
    }));
  }

  /** Divide the memory into one or more slots for frames of `maxFrameBytes` unpacked bytes. */
  divide(maxFrameBytes: number, pageBytes: number): FrameSlot[] {
    const { kernels, slots, address } = this;
    const size = slotBytes(maxFrameBytes);
    const count = Math.min(slots.length, Math.floor(this.bytes / size));
    return Array.from(
      { length: count },
      (_, i) => new FrameSlot(kernels, slots[i]!, address + i * size, maxFrameBytes, pageBytes),
    );
  }
}

/**
 * A frame in flight: its data, its unpacked segments, and the chunk that its pages are decoded to, part by
 * part.
 */
export class FrameSlot {
  head!: FrameHead;
  /** Names the frame in errors. */
  label = '';
  /** Unpacked bytes of the frame. */
  bytes = 0;
  /** Whether the job that decodes the next part has ended. */
  isReady = false;
  /** The error of that job; undefined if it succeeded. */
  failure: unknown;
  /** Address of the chunk's pages and of their digests. */
  readonly chunk: number;
  readonly digests: number;
  /** Totals of the `DecodeMeter` of the last job. */
  readonly costs: Float64Array;
  /** The parts of the frame that the last job has decoded. */
  readonly extents: Extents;
  /** Address of the frame's data. */
  private data = 0;
  /** Whether the caller's own zstd unpacks the frame, on the calling thread. */
  private isOwnZstd = false;

  constructor(
    private readonly kernels: Kernels,
    private readonly memory: DecodeMemory,
    private readonly address: number,
    private readonly maxFrameBytes: number,
    private readonly pageBytes: number,
  ) {
    this.chunk = memory.chunk;
    this.digests = memory.digests;
    this.costs = new Float64Array(kernels.memory.buffer, memory.costs, METER_NUMBERS);
    this.extents = new Extents(kernels.memory.buffer, memory.extents, MAX_EXTENTS);
  }

  /** Return the address for data at `position` of the stream. */
  reserve(position: number): number {
    this.data = this.address + (position % WORD_BYTES);
    return this.data;
  }

  /** Set the frame in the slot. `isOwnZstd`: zstd runs on the calling thread only. */
  take(frame: {
    readonly head: FrameHead;
    readonly headBytes: Uint8Array;
    readonly dataBytes: number;
    readonly expectedImage: number;
    readonly label: string;
    readonly isOwnZstd: boolean;
  }): void {
    const { memory } = this;
    const { head, headBytes } = frame;
    this.head = head;
    this.label = frame.label;
    this.bytes = head.segments.reduce((sum, { bytes }) => sum + bytes, 0);
    const hasZstd = head.segments.some(({ packing }) => packing === ZSTD_ID);
    this.isOwnZstd = hasZstd && frame.isOwnZstd;
    this.kernels.bytes.set(headBytes, memory.head);
    writeDecodeJob(this.kernels.words, memory, {
      headBytes: headBytes.length,
      data: this.data,
      dataBytes: frame.dataBytes,
      unpacked: this.address + dataCapacity(this.maxFrameBytes),
      maxFrameBytes: this.maxFrameBytes,
      pageBytes: this.pageBytes,
      pageCount: head.pageCount,
      expectedImage: frame.expectedImage,
    });
  }

  /** Start the job that decodes the next part of the frame. */
  start(threads: Threads): void {
    this.isReady = false;
    this.failure = undefined;
    // A job's error is thrown when it is the frame's turn to be written.
    if (!this.isOwnZstd) threads.start(this.memory.job, this.onEnd);
    else {
      try {
        threads.runLocal(this.memory.job);
        this.onEnd(undefined);
      } catch (cause) {
        this.onEnd(cause);
      }
    }
  }

  /** Results of the last job, once it has ended. */
  get result(): DecodeResult {
    return readDecodeResult(this.kernels.words, this.memory.job);
  }

  private readonly onEnd = (cause: unknown): void => {
    this.isReady = true;
    // A job does not know the frame's name: its error messages begin after it.
    const isUnnamed = cause instanceof PageferryError && /^[:,]/.test(cause.message);
    this.failure = isUnnamed ? new PageferryError(cause.code, `${this.label}${cause.message}`) : cause;
  };
}

function dataCapacity(maxFrameBytes: number): number {
  return align(packedLimit(maxFrameBytes) + ALIGNMENT);
}

function slotBytes(maxFrameBytes: number): number {
  return dataCapacity(maxFrameBytes) + align(unpackedCapacity(maxFrameBytes));
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
