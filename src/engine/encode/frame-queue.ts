import { nextTurn, Signal, throwIfAborted } from '../../page/sync.js';
import { type FrameBuilder, type FrameContext, TABLE_TARGET_BYTES } from '../frame/frame-builder.js';
import type { Threads } from '../threads/threads.js';
import type { ImageEncoder } from './image-encoder.js';
import type { RecordWriter } from './record-writer.js';

/** Largest size of a group of pages, whatever its strategy wants. */
export const MAX_GROUP_BYTES = 8 << 20;
const DEFAULT_GROUP_BYTES = 2 << 20;
/**
 * Groups that are in flight, beside one for each thread: one waits for a thread, one is written. More of them
 * would only take memory, of which the first touch is slow.
 */
const SPARE_GROUPS = 2;
/** Smaller groups count as this many bytes. */
const MIN_QUEUED_GROUP_BYTES = 1 << 20;
/** Most bytes of frames that are being packed or wait for the output. */
export const MAX_QUEUED_FRAME_BYTES = 20 << 20;
/**
 * Most packed bytes that wait for a link of measured rate. The rate may change: bytes that were packed for a
 * fast link are sent unchanged when the link gets slow.
 */
const MAX_WAITING_BYTES = 6 << 20;
/** Time between two turns of other events while this thread has work: each takes 10 µs or more. */
const MAX_TURN_MS = 1;
/** Most pages of a frame, of which runs of zero pages can have many; a frame's page count is a u32. */
const MAX_FRAME_PAGES = 2 ** 31;

/** Outside Node there are no threads, and no results to wait for. */
const otherTurn: () => Promise<void> = typeof setImmediate === 'function' ? nextTurn : async () => {};

/** The frames of a stream: one is filled, others are packed or wait for the output, the rest are free. */
export class FrameQueue {
  private frame: FrameBuilder | undefined;
  private firstPage = 0;
  private image = 0;
  private readonly freed = new Signal();
  private inFlight = 0;
  private inFlightBytes = 0;
  /** Group size of the frame that is filled. Asked once a frame, since every page is compared with it. */
  private wantedBytes = 0;
  /** When events had their last turn. */
  private turnMs = 0;

  constructor(
    private readonly free: FrameBuilder[],
    private readonly context: FrameContext,
    private readonly writer: RecordWriter,
    private readonly threads: Threads,
    private readonly pageBytes: number,
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
    while (this.free.length === 0 || (this.inFlight > 0 && this.isFarAhead()))
      await (this.threads.help() ? nextTurn() : this.freed.wait(this.signal));
    this.frame = this.free.pop()!;
    this.wantedBytes = this.groupBytes();
    this.image = encoder.number;
    this.firstPage = encoder.nextPage;
    this.frame.start(encoder.number, encoder.nextPage, encoder.expectedImage);
    return this.frame;
  }

  readonly isFull = (frame: FrameBuilder): boolean =>
    frame.bytes >= this.wantedBytes ||
    frame.table.length >= TABLE_TARGET_BYTES ||
    frame.pageCount >= MAX_FRAME_PAGES;

  /** Return how many whole pages fill a frame that is not full. */
  readonly pagesLeft = (frame: FrameBuilder): number =>
    Math.ceil((this.wantedBytes - frame.bytes) / this.pageBytes);

  /** Pack and write the frame that is filled, if there is one. */
  close(lastPageBytes: number): void {
    const { frame } = this;
    if (!frame) return;
    this.frame = undefined;
    const { bytes } = frame;
    this.inFlight++;
    this.inFlightBytes += bytes;
    const pack = (ordinal: number) => frame.pack(this.context, ordinal, lastPageBytes);
    this.writer.frame(frame, this.image, this.firstPage, pack, () => {
      frame.release();
      this.free.push(frame);
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
    const { threads } = this;
    threads.report();
    const nowMs = performance.now();
    const isBusy = threads.count === 1 || threads.pending > 0;
    if (isBusy && nowMs - this.turnMs < MAX_TURN_MS) return undefined;
    this.turnMs = nowMs;
    return otherTurn();
  }

  private isFarAhead(): boolean {
    const bytes = this.groupBytes();
    const groups = this.threads.count + SPARE_GROUPS;
    const most = Math.min(MAX_QUEUED_FRAME_BYTES, groups * Math.max(bytes, MIN_QUEUED_GROUP_BYTES));
    if (this.inFlightBytes + bytes > most) return true;
    return this.context.state.bytesAcked !== undefined && this.writer.waitingBytes > MAX_WAITING_BYTES;
  }

  private groupBytes(): number {
    const { strategy, state } = this.context;
    return Math.min(
      Math.max(strategy.groupBytes?.(state) ?? DEFAULT_GROUP_BYTES, this.pageBytes),
      MAX_GROUP_BYTES,
    );
  }
}
