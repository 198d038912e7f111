import { type ChannelFrame, HEAD_BYTES } from './frame.js';

/** Frames read ahead of `receive`, in bytes of memory, until the handshake is over. */
const HANDSHAKE_QUEUE_BYTES = 1 << 16;
/** The same after it: more than an agent has in flight, so that the end of a connection is read at once. */
const QUEUE_BYTES = 16 << 20;
/** Memory of a queued frame besides its body: its head, its objects, and its share of the socket's buffer. */
const FRAME_COST_BYTES = HEAD_BYTES + 512;

/** Frames that were read ahead, and the memory that they take: a frame costs more than its body. */
export class ReceiveQueue {
  private readonly frames: ChannelFrame[] = [];
  private usedBytes = 0;

  /** Whether no more may be read ahead; `isAgreed`: the handshake is over. */
  isFull(isAgreed: boolean): boolean {
    return this.usedBytes >= (isAgreed ? QUEUE_BYTES : HANDSHAKE_QUEUE_BYTES);
  }

  get length(): number {
    return this.frames.length;
  }

  push(frame: ChannelFrame): void {
    this.frames.push(frame);
    this.usedBytes += FRAME_COST_BYTES + frame.bytes;
  }

  /** The next frame, which stays in the queue. */
  get first(): ChannelFrame | undefined {
    return this.frames[0];
  }

  shift(): ChannelFrame | undefined {
    const frame = this.frames.shift();
    if (frame) this.usedBytes -= FRAME_COST_BYTES + frame.bytes;
    return frame;
  }

  clear(): void {
    this.frames.length = 0;
    this.usedBytes = 0;
  }
}
