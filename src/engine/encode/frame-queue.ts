import { type FrameBuilder, type FrameContext, TABLE_TARGET_BYTES } from '../frame/frame-builder.js';
import type { ImageEncoder } from './image-encoder.js';
import type { RecordWriter } from './record-writer.js';

/** A group is closed at this size whatever its strategy wants. */
export const LARGEST_GROUP_BYTES = 8 << 20;
const DEFAULT_GROUP_BYTES = 2 << 20;
/** Threads work ahead of the output by so much: enough to go on through a stretch of zero pages. */
const MAX_IN_FLIGHT_BYTES = 20 << 20;

/**
 * So much may be packed and wait for a link whose rate is measured, because it may change: what was packed for a fast link is sent
 * as it is when the link gets slow.
 */
const MAX_WAITING_BYTES = 6 << 20;

/** The next turn of the event loop; elsewhere than on Node there are no threads to hear of. */
const turn: () => Promise<void> =
  typeof setImmediate === 'function' ? () => new Promise((go) => setImmediate(go)) : async () => {};

/** Frames on their way: one fills, others are packed or wait to be written, the rest is free. Whoever needs one waits for it. */
export class FrameQueue {
  private frame: FrameBuilder | undefined;
  private firstPage = 0;
  private image = 0;
  private freed: (() => void) | undefined;
  private inFlight = 0;
  private inFlightBytes = 0;
  /** Of the frame that fills; asked for once, since every page is held against it. */
  private wantedBytes = 0;

  constructor(
    private readonly free: FrameBuilder[],
    private readonly context: FrameContext,
    private readonly queue: RecordWriter,
    private readonly pageBytes: number,
  ) {}

  /** The frame that fills, or a new one for the next page of `encoder`. */
  async open(encoder: ImageEncoder): Promise<FrameBuilder> {
    if (this.frame) return this.frame;
    while (this.free.length === 0 || (this.inFlight > 0 && this.isFarAhead()))
      await new Promise<void>((freed) => {
        this.freed = freed;
      });
    this.queue.check();
    this.frame = this.free.pop()!;
    this.wantedBytes = this.groupBytes();
    this.image = encoder.number;
    this.firstPage = encoder.nextPage;
    this.frame.start(encoder.number, encoder.nextPage, encoder.expectedImage);
    return this.frame;
  }

  readonly isFull = (frame: FrameBuilder): boolean =>
    frame.bytes >= this.wantedBytes || frame.table.length >= TABLE_TARGET_BYTES;

  /** Sends the frame that fills on its way, if there is one. */
  close(lastPageBytes: number): void {
    const { frame } = this;
    if (!frame) return;
    this.frame = undefined;
    const { bytes } = frame;
    this.inFlight++;
    this.inFlightBytes += bytes;
    const pack = (ordinal: number) => frame.pack(this.context, ordinal, lastPageBytes);
    this.queue.frame(frame, this.image, this.firstPage, pack, () => {
      this.free.push(frame);
      this.inFlight--;
      this.inFlightBytes -= bytes;
      this.freed?.();
    });
  }

  /**
   * Threads that are done can say so, and be given more, only between two turns of the event loop: a source that never has to be waited
   * for would leave them idle.
   */
  async hear(): Promise<void> {
    if (this.inFlight > 0) await turn();
  }

  private isFarAhead(): boolean {
    if (this.inFlightBytes + this.groupBytes() > MAX_IN_FLIGHT_BYTES) return true;
    return this.context.state.bytesAcked !== undefined && this.queue.waitingBytes > MAX_WAITING_BYTES;
  }

  private groupBytes(): number {
    const { strategy, state } = this.context;
    return Math.min(
      Math.max(strategy.groupBytes?.(state) ?? DEFAULT_GROUP_BYTES, this.pageBytes),
      LARGEST_GROUP_BYTES,
    );
  }
}
