import { nextTurn, Signal, throwIfAborted } from '../../page/sync.js';
import { type FrameBuilder, TABLE_TARGET_BYTES } from '../frame/frame-builder.js';
import type { FrameContext } from '../frame/pack-content.js';
import type { Threads } from '../threads/threads.js';
import type { ImageEncoder } from './image-encoder.js';
import type { RecordWriter } from './record-writer.js';

/** Largest size of a group of pages, unless its strategy announces larger ones. */
export const DEFAULT_MAX_GROUP_BYTES = 8 << 20;
const DEFAULT_GROUP_BYTES = 2 << 20;
/** On one thread a frame is packed at once; the second is filled while the first is written. */
export const LOCAL_FRAMES = 2;
/**
 * Groups that are in flight, beside one for each thread: one waits for a thread, one is written. More of them
 * would only take memory, of which the first touch is slow.
 */
const SPARE_GROUPS = 2;
/** Smaller groups count as this many bytes: threads and link need work for as long as with larger ones. */
const MIN_QUEUED_GROUP_BYTES = 2 << 20;
/** Most bytes of frames that are being packed or wait for the output. */
const MAX_QUEUED_FRAME_BYTES = 20 << 20;
/** Frames of large groups that are queued: each takes hundreds of MiB while it is packed. */
const MAX_LARGE_FRAMES = 2;
/**
 * Most packed bytes that wait for a link of measured rate. The rate may change: bytes that were packed for a
 * fast link are sent unchanged when the link gets slow.
 */
const MAX_WAITING_BYTES = 6 << 20;
/** Time between two turns of other events while this thread has work: each takes 10 µs or more. */
const MAX_TURN_MS = 1;
/** Bytes that the table of a frame may grow by with the next page and its run. */
const TABLE_RESERVE_BYTES = 64;
/** Most pages of a frame, of which runs of zero pages can have many; a frame's page count is a u32. */
const MAX_FRAME_PAGES = 2 ** 31;

/** Outside Node there are no threads, and no results to wait for. */
const otherTurn: () => Promise<void> = typeof setImmediate === 'function' ? nextTurn : async () => {};

/** Whether groups of up to `maxGroupBytes` bytes are so large that few can be in memory. */
export function isLarge(maxGroupBytes: number): boolean {
  return maxGroupBytes > DEFAULT_MAX_GROUP_BYTES;
}

/** Return the most bytes of queued frames of groups of up to `maxGroupBytes` bytes. */
export function maxQueuedFrameBytes(maxGroupBytes: number, threads: number): number {
  if (!isLarge(maxGroupBytes)) return MAX_QUEUED_FRAME_BYTES;
  return Math.min(MAX_LARGE_FRAMES, threads) * maxGroupBytes;
}

/** Context of a frame queue. */
export interface FrameQueueParts {
  /** Frames that are free. */
  readonly free: FrameBuilder[];
  readonly frame: FrameContext;
  readonly writer: RecordWriter;
  readonly threads: Threads;
  readonly pageBytes: number;
  readonly maxGroupBytes: number;
  /** Most bytes of all segments of a frame, its table included. */
  readonly frameLimitBytes: number;
}

/** The frames of a stream: one is filled, others are packed or wait for the output, the rest are free. */
export class FrameQueue {
  private frame: FrameBuilder | undefined;
  private firstPage = 0;
  private image = 0;
  private readonly freed = new Signal();
  private inFlight = 0;
  private inFlightBytes = 0;
  /** Group size of the frame that is filled. Asked once a frame, since every page is compared with it. */
  private targetBytes = 0;
  /** When events had their last turn. */
  private turnMs = 0;

  constructor(
    private readonly parts: FrameQueueParts,
    private readonly signal: AbortSignal,
  ) {}

  /** The frame that is filled, if there is one. */
  get current(): FrameBuilder | undefined {
    return this.frame;
  }

  /** Return the frame that is filled, or start one at the next page of `encoder` once a frame is free. */
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

  /** Return how many whole pages fill a frame that is not full. */
  readonly pagesLeft = (frame: FrameBuilder): number => {
    const { pageBytes } = this.parts;
    const wanted = Math.ceil((this.targetBytes - frame.bytes) / pageBytes);
    return Math.min(wanted, Math.floor(this.bytesLeft(frame) / pageBytes));
  };

  /** Pack and write the frame that is filled, if there is one. */
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
   * Let packed frames go on to the output: while a source never makes the encoder wait, nothing else would.
   * Resolves after a turn of the event loop if one is due.
   */
  receiveResults(): Promise<void> | undefined {
    if (this.inFlight === 0) return undefined;
    const { threads } = this.parts;
    threads.report();
    const nowMs = performance.now();
    const isBusy = threads.count === 1 || threads.pending > 0;
    if (isBusy && nowMs - this.turnMs < MAX_TURN_MS) return undefined;
    this.turnMs = nowMs;
    return otherTurn();
  }

  private isQueueFull(): boolean {
    if (this.parts.free.length === 0) return true;
    // Before workers have started one thread uses no more memory than if it was the only one.
    if (this.inFlight >= LOCAL_FRAMES && this.parts.frame.state.threads === 1) return true;
    return this.inFlight > 0 && this.isFarAhead();
  }

  private async untilFree(): Promise<void> {
    while (this.isQueueFull()) await (this.parts.threads.help() ? nextTurn() : this.freed.wait(this.signal));
  }

  /** Return the bytes of pages that the frame can have besides those it has. */
  private bytesLeft(frame: FrameBuilder): number {
    return this.parts.frameLimitBytes - TABLE_RESERVE_BYTES - frame.maxBytes;
  }

  private isFarAhead(): boolean {
    const bytes = this.groupBytes();
    const { threads, maxGroupBytes, frame } = this.parts;
    const groups = frame.state.threads + SPARE_GROUPS;
    const enoughBytes = isLarge(maxGroupBytes)
      ? Number.POSITIVE_INFINITY
      : groups * Math.max(bytes, MIN_QUEUED_GROUP_BYTES);
    const maxBytes = Math.min(maxQueuedFrameBytes(maxGroupBytes, threads.count), enoughBytes);
    if (this.inFlightBytes + bytes > maxBytes) return true;
    return frame.state.bytesAcked !== undefined && this.parts.writer.waitingBytes > MAX_WAITING_BYTES;
  }

  private groupBytes(): number {
    const { strategy, state } = this.parts.frame;
    return Math.min(
      Math.max(strategy.groupBytes?.(state) ?? DEFAULT_GROUP_BYTES, this.parts.pageBytes),
      this.parts.maxGroupBytes,
    );
  }
}
