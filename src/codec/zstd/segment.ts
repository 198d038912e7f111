// Segments of the stream format: one zstd frame that declares its content size, packed and unpacked by the
// kernels in the memory where the pages are.
import type { Slots } from '../../kernels/arena.js';
import type { Kernels } from '../../kernels/kernels.js';
import { ZSTD_LAYOUT } from '../../kernels/layout.generated.js';
import { STATUS } from '../../kernels/status.js';
import { BlockSplitter, createSplitter } from './block-splitter.js';
import { beginSizedFrame } from './sized-frame.js';

const {
  ZSTD_MAX_BLOCK_BYTES,
  ZSTD_BLOCK_IS_LAST,
  ZSTD_FRAME_CONTENT_BYTES,
  ZSTD_FRAME_IS_SKIPPABLE,
  ZSTD_WIDE_SCRATCH_BYTES,
} = ZSTD_LAYOUT;
/**
 * Largest segment that one call packs, below the level from which blocks are split. Larger ones have a window
 * of a part of them.
 */
const MAX_ONE_CALL_BYTES = 9 << 20;
const LARGE_WINDOW_LOG = 23;
/** From this level on a large segment's window is the segment, if there is memory for that. */
const MIN_WIDE_LEVEL = 16;
const MAX_WINDOW_LOG = 27;
/** Bytes of a large segment that are packed until its window moves in the buffer. */
const LARGE_STEP_BYTES = 1 << 20;
/** A reader of version 0.1.0 accepts this. */
const MAX_WINDOW_BYTES = 1 << 27;

/** Return the bytes of the buffer that packing segments of up to `bytes` bytes collects runs in. */
export function segmentBufferBytes(bytes: number): number {
  return Math.min(bytes, MAX_ONE_CALL_BYTES);
}

/** Memory of packing: the encoder's scratch, and the buffer. */
export interface SegmentScratch {
  readonly zstdScratch: number;
  readonly segment: number;
}

/** Declare memory for packing one segment of up to `bytes` bytes with a window of the whole segment. */
export function declareWideScratch(slots: Slots, bytes: number): SegmentScratch {
  return {
    zstdScratch: slots.slot('zstd scratch of a large group', ZSTD_WIDE_SCRATCH_BYTES),
    segment: slots.slot('large group', bytes),
  };
}

/** Whether a segment is packed with a window of the whole segment. */
export function isWide(bytes: number, level: number): boolean {
  return bytes > MAX_ONE_CALL_BYTES && level >= MIN_WIDE_LEVEL;
}

/** The bytes of a segment: `count` runs, of which address and length are two words each at `runs`. */
export interface SegmentRuns {
  readonly runs: number;
  readonly count: number;
  readonly bytes: number;
}

/**
 * Pack a segment to `out`; return the packed bytes, or OUTPUT_FULL when they are not fewer than the
 * segment's.
 */
export function packZstdRuns(
  kernels: Kernels,
  scratch: SegmentScratch,
  segment: SegmentRuns,
  level: number,
  out: number,
): number {
  const { zstd, words } = kernels;
  const { runs, count, bytes } = segment;
  const splitter = createSplitter(level, bytes);
  if (splitter || bytes > MAX_ONE_CALL_BYTES)
    return resultOf(packLarge(kernels, scratch, segment, level, out, LARGE_WINDOW_LOG, splitter));
  let from = words[runs >>> 2]!;
  if (count !== 1) {
    from = scratch.segment;
    new RunReader(kernels, segment).copy(from, bytes);
  }
  return zstd.zstdEncode(from, bytes, out, bytes - 1, level, 0, scratch.zstdScratch);
}

/**
 * Pack a segment for which `isWide` is true, a block at each step; the generator returns what packZstdRuns
 * does. A step takes a tenth of a second or more.
 */
export function packWideRuns(
  kernels: Kernels,
  scratch: SegmentScratch,
  segment: SegmentRuns,
  level: number,
  out: number,
): Generator<void, number> {
  const windowLog = Math.min(MAX_WINDOW_LOG, Math.ceil(Math.log2(segment.bytes)));
  // Bytes in one piece are packed where they are.
  const buffer = segment.count === 1 ? kernels.words[segment.runs >>> 2]! : scratch.segment;
  const splitter = new BlockSplitter();
  return packLarge(kernels, { ...scratch, segment: buffer }, segment, level, out, windowLog, splitter);
}

/** Return the result of a generator, all of whose steps are done at once. */
export function resultOf<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Pack a segment block by block: its buffer is one of a window and a step, or of the segment if smaller. */
function* packLarge(
  kernels: Kernels,
  { zstdScratch, segment: buffer }: SegmentScratch,
  segment: SegmentRuns,
  level: number,
  out: number,
  windowLog: number,
  splitter?: BlockSplitter,
): Generator<void, number> {
  const { zstd, run, bytes: memory } = kernels;
  const windowBytes = 1 << windowLog;
  const start = { level, windowLog, contentBytes: segment.bytes, hasChecksum: false, scratch: zstdScratch };
  let written = beginSizedFrame(zstd, memory, out, start);
  if (written < 0) return written;
  const reader = new RunReader(kernels, segment);
  const isInPlace = buffer === kernels.words[segment.runs >>> 2]!;
  let history = 0;
  /** Bytes after the last block that are in the buffer already. */
  let ahead = 0;
  for (let left = segment.bytes; left > 0; ) {
    const most = Math.min(left, ZSTD_MAX_BLOCK_BYTES);
    if (!isInPlace && history + most > windowBytes + LARGE_STEP_BYTES) {
      run.copyBytes(buffer, buffer + history - windowBytes, windowBytes + ahead);
      history = windowBytes;
    }
    if (!isInPlace) reader.copy(buffer + history + ahead, most - ahead);
    const bytes = splitter?.blockBytes(memory, buffer + history, most) ?? most;
    ahead = most - bytes;
    left -= bytes;
    const capacity = segment.bytes - 1 - written;
    const to = out + written;
    const isLast = left === 0 ? 1 : 0;
    const count = zstd.zstdEncodeBlock(buffer + history, bytes, history, isLast, to, capacity, zstdScratch);
    if (count < 0) return count;
    written += count;
    history += bytes;
    yield;
  }
  return written;
}

/** Copies the bytes of runs, in order. */
class RunReader {
  private next: number;
  private done = 0;

  constructor(
    private readonly kernels: Kernels,
    { runs }: SegmentRuns,
  ) {
    this.next = runs >>> 2;
  }

  /** Copy the next `bytes` bytes to `to`. */
  copy(to: number, bytes: number): void {
    const { words, run } = this.kernels;
    for (let copied = 0; copied < bytes; ) {
      const length = words[this.next + 1]!;
      const part = Math.min(bytes - copied, length - this.done);
      run.copyBytes(to + copied, words[this.next]! + this.done, part);
      copied += part;
      this.done += part;
      if (this.done === length) {
        this.next += 2;
        this.done = 0;
      }
    }
  }
}

/**
 * Unpack one frame of `frameBytes` bytes, which has to declare its size, to exactly `bytes` bytes at `out`.
 * Return `bytes` or a negative STATUS.
 */
export function unpackZstd(
  { zstd, words }: Kernels,
  scratch: number,
  frame: number,
  frameBytes: number,
  out: number,
  bytes: number,
): number {
  const end = frame + frameBytes;
  let from = frame;
  const headBytes = zstd.zstdDecodeHeader(from, frameBytes, MAX_WINDOW_BYTES, scratch);
  if (headBytes < 0) return headBytes;
  if (words[(scratch + ZSTD_FRAME_IS_SKIPPABLE) >>> 2] !== 0) return STATUS.BAD_HEADER;
  const declared = (scratch + ZSTD_FRAME_CONTENT_BYTES) >>> 2;
  if (words[declared] !== bytes || words[declared + 1] !== 0) return STATUS.BAD_HEADER;
  from += headBytes;
  let done = 0;
  do {
    const blockBytes = zstd.zstdBlockBytes(from, end - from, scratch);
    if (blockBytes < 0) return blockBytes;
    const count = zstd.zstdDecodeBlock(from, end - from, out + done, bytes - done, done, scratch);
    if (count < 0) return count;
    from += blockBytes;
    done += count;
  } while (words[(scratch + ZSTD_BLOCK_IS_LAST) >>> 2] === 0);
  const endBytes = zstd.zstdDecodeEnd(from, end - from, scratch);
  if (endBytes < 0) return endBytes;
  if (done !== bytes) return STATUS.SHORT;
  return from + endBytes === end ? bytes : STATUS.TRAILING;
}
