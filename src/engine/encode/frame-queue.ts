import { Signal, throwIfAborted } from '../../page/sync.js';
import { type FrameBuilder, type FrameContext, TABLE_TARGET_BYTES } from '../frame/frame-builder.js';
import type { ImageEncoder } from './image-encoder.js';
import type { RecordWriter } from './record-writer.js';

/** Largest size of a group of pages, whatever its strategy wants. */
export const MAX_GROUP_BYTES = 8 << 20;
const DEFAULT_GROUP_BYTES = 2 << 20;
/**
 * Most bytes of frames that are being packed or wait for the output: enough to keep threads busy through a
 * range of zero pages.
 */
export const MAX_QUEUED_FRAME_BYTES = 20 << 20;
/**
 * Most packed bytes that wait for a link of measured rate. The rate may change: bytes that were packed for a
 * fast link are sent unchanged when the link gets slow.
 */
const MAX_WAITING_BYTES = 6 << 20;
/** Most pages of a frame, of which runs of zero pages can have many; a frame's page count is a u32. */
const MAX_FRAME_PAGES = 2 ** 31;

/**
 * Wait for the next turn of the event loop. Outside Node there are no packing threads, and no reply to wait
 * for.
 */
const nextTurn: () => Promise<void> =
  typeof setImmediate === 'function' ? () => new Promise((go) => setImmediate(go)) : async () => {};

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

  constructor(
    private readonly free: FrameBuilder[],
    private readonly context: FrameContext,
    private readonly writer: RecordWriter,
    private readonly pageBytes: number,
    private readonly signal: AbortSignal,
  ) {}

  /** Return the frame that is filled, or start one at the next page of `encoder` once a frame is free. */
  async open(encoder: ImageEncoder): Promise<FrameBuilder> {
    if (this.frame) return this.frame;
    throwIfAborted(this.signal);
    while (this.free.length === 0 || (this.inFlight > 0 && this.isFarAhead()))
      await this.freed.wait(this.signal);
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
   * Let packing threads deliver their results, which needs a turn of the event loop: while a source never
   * makes the encoder wait, they would be idle.
   */
  async receiveResults(): Promise<void> {
    if (this.inFlight > 0) await nextTurn();
  }

  private isFarAhead(): boolean {
    if (this.inFlightBytes + this.groupBytes() > MAX_QUEUED_FRAME_BYTES) return true;
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
