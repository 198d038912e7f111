import { badArgument } from '../../page/error.js';
import { nextTurn, Signal, throwIfAborted } from '../../page/sync.js';
import { type FrameBuilder, TABLE_TARGET_BYTES } from '../frame/frame-builder.js';
import type { FrameContext } from '../frame/pack-content.js';
import type { Threads } from '../threads/threads.js';
import type { ImageEncoder } from './image-encoder.js';
import type { RecordWriter } from './record-writer.js';

/** Maximum size of a group of pages where the strategy sets none. */
export const DEFAULT_MAX_GROUP_BYTES = 8 << 20;
const DEFAULT_GROUP_BYTES = 2 << 20;
/** Frames on one thread: one is filled while the other is written. */
export const LOCAL_FRAMES = 2;
/**
 * Groups in flight in addition to one for each thread: one waits for a thread, one is written. More would
 * only take memory, whose first touch is slow.
 */
const SPARE_GROUPS = 2;
/** Bytes that a smaller group counts as, so that the queue lasts as long as with larger groups. */
const MIN_QUEUED_GROUP_BYTES = 2 << 20;
/** Maximum bytes of frames that are packed or wait for the output. */
const MAX_QUEUED_FRAME_BYTES = 20 << 20;
/** Maximum number of queued frames of large groups: packing one takes hundreds of MiB. */
const MAX_LARGE_FRAMES = 2;
/**
 * Maximum packed bytes that wait for a link of measured rate. Bytes packed for a fast link are not packed
 * again when the link gets slow.
 */
const MAX_WAITING_BYTES = 6 << 20;
/**
 * Minimum ms between two turns of the event loop while the calling thread is busy: a turn takes 10 µs or
 * more.
 */
const MIN_TURN_MS = 1;
/** Maximum growth of a frame's table by the next page and its run, in bytes. */
const TABLE_RESERVE_BYTES = 64;
/** Maximum pages of a frame, reached by runs of zero pages only; a frame's page count is a u32. */
const MAX_FRAME_PAGES = 2 ** 31;

/** Waits for a turn of the event loop. Browsers have no threads, so no results to wait for. */
const otherTurn: () => Promise<void> = typeof setImmediate === 'function' ? nextTurn : async () => {};

/** Return whether groups of up to `maxGroupBytes` bytes are so large that memory holds only a few. */
export function isLarge(maxGroupBytes: number): boolean {
  return maxGroupBytes > DEFAULT_MAX_GROUP_BYTES;
}

/** Return the maximum bytes of queued frames whose groups have up to `maxGroupBytes` bytes. */
export function maxQueuedFrameBytes(maxGroupBytes: number, threads: number): number {
  if (!isLarge(maxGroupBytes)) return MAX_QUEUED_FRAME_BYTES;
  return Math.min(MAX_LARGE_FRAMES, threads) * maxGroupBytes;
}

/** Context of a frame queue. */
export interface EncodeQueueParts {
  /** The free frames. */
  readonly free: FrameBuilder[];
  readonly frame: FrameContext;
  readonly writer: RecordWriter;
  readonly threads: Threads;
  readonly pageBytes: number;
  readonly maxGroupBytes: number;
  /** Maximum bytes of a frame: all segments, the table included. */
  readonly frameLimitBytes: number;
}

/** The frames of a stream: one is filled, others are packed or wait for the output, the rest are free. */
export class EncodeQueue {
  private frame: FrameBuilder | undefined;
  private firstPage = 0;
  private image = 0;
  private readonly freed = new Signal();
  private inFlight = 0;
  private inFlightBytes = 0;
  /** Group size of the current frame, at which it is closed. The strategy is asked for it once a frame. */
  private targetBytes = 0;
  /** Time of the last turn of the event loop. */
  private turnMs = 0;

  constructor(
    private readonly parts: EncodeQueueParts,
    private readonly signal: AbortSignal,
  ) {}

  /** The frame being filled, if there is one. */
  get current(): FrameBuilder | undefined {
    return this.frame;
  }

  /** Return the current frame, or wait for a free one and start it at the next page of `encoder`. */
  async open(encoder: ImageEncoder): Promise<FrameBuilder> {
    if (this.frame) return this.frame;
    throwIfAborted(this.signal);
    if (this.isQueueFull()) await this.parts.writer.waitForOutput(() => this.untilFree());
    this.frame = this.parts.free.pop()!;
    this.targetBytes = this.groupBytes();
    this.image = encoder.number;
    this.firstPage = encoder.nextPage;
    this.frame.start(encoder.number, encoder.nextPage, encoder.expectedImage);
    return this.frame;
  }

  readonly isFull = (frame: FrameBuilder): boolean =>
    frame.bytes >= this.targetBytes ||
    frame.isFull ||
    this.bytesLeft(frame) < this.parts.pageBytes ||
    frame.tableBytes >= TABLE_TARGET_BYTES ||
    frame.pageCount >= MAX_FRAME_PAGES;

  /** Return the number of whole pages that fill a frame; 1 or more unless it is full. */
  readonly pagesLeft = (frame: FrameBuilder): number => {
    const { pageBytes } = this.parts;
    const wanted = Math.ceil((this.targetBytes - frame.bytes) / pageBytes);
    return Math.min(wanted, Math.floor(this.bytesLeft(frame) / pageBytes));
  };

  /** Pack and write the current frame, if there is one. */
  close(lastPageBytes: number): void {
    const { frame } = this;
    if (!frame) return;
    this.frame = undefined;
    const { bytes } = frame;
    this.inFlight++;
    this.inFlightBytes += bytes;
    const pack = (ordinal: number) => frame.pack(this.parts.frame, ordinal, lastPageBytes);
    this.parts.writer.writeFrame(frame, this.image, this.firstPage, pack, () => {
      frame.release();
      this.parts.free.push(frame);
      this.inFlight--;
      this.inFlightBytes -= bytes;
      this.freed.notify();
    });
  }

  /**
   * Report packed segments, so that their frames are written even if the encoder never waits. Resolves after
   * a turn of the event loop if one is due.
   */
  receiveResults(): Promise<void> | undefined {
    if (this.inFlight === 0) return undefined;
    const { threads } = this.parts;
    threads.report();
    const nowMs = performance.now();
    const isBusy = threads.count === 1 || threads.pending > 0;
    if (isBusy && nowMs - this.turnMs < MIN_TURN_MS) return undefined;
    this.turnMs = nowMs;
    return otherTurn();
  }

  private isQueueFull(): boolean {
    if (this.parts.free.length === 0) return true;
    // Until workers have started, the memory of one thread is enough.
    if (this.inFlight >= LOCAL_FRAMES && this.parts.frame.state.threads === 1) return true;
    return this.inFlight > 0 && this.isFarAhead();
  }

  private async untilFree(): Promise<void> {
    while (this.isQueueFull()) await (this.parts.threads.help() ? nextTurn() : this.freed.wait(this.signal));
  }

  /** Return the bytes of pages that can still be added to the frame. */
  private bytesLeft(frame: FrameBuilder): number {
    return this.parts.frameLimitBytes - TABLE_RESERVE_BYTES - frame.maxBytes;
  }

  private isFarAhead(): boolean {
    const bytes = this.groupBytes();
    const { threads, maxGroupBytes, frame } = this.parts;
    const groups = frame.state.threads + SPARE_GROUPS;
    const enoughBytes = isLarge(maxGroupBytes) ? Infinity : groups * Math.max(bytes, MIN_QUEUED_GROUP_BYTES);
    const maxBytes = Math.min(maxQueuedFrameBytes(maxGroupBytes, threads.count), enoughBytes);
    if (this.inFlightBytes + bytes > maxBytes) return true;
    return frame.state.bytesAcked !== undefined && this.parts.writer.waitingBytes > MAX_WAITING_BYTES;
  }

  private groupBytes(): number {
    const { strategy, state } = this.parts.frame;
    const bytes = strategy.groupBytes ? strategy.groupBytes(state) : DEFAULT_GROUP_BYTES;
    if (bytes > 0) return Math.min(Math.max(bytes, this.parts.pageBytes), this.parts.maxGroupBytes);
    throw badArgument(
      `strategy "${strategy.name}": groupBytes returned ${bytes}, expected a number of bytes`,
    );
  }
}
