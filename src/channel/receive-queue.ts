import { type ChannelFrame, HEAD_BYTES } from './frame.js';

/** Most memory of the queue until the handshake is complete. */
const HANDSHAKE_QUEUE_BYTES = 1 << 16;
/**
 * Most memory after it: more than an agent has in flight, so that the end of a connection is read at once.
 */
const QUEUE_BYTES = 16 << 20;
/** Memory of a queued frame besides its body: its head, its objects, and its share of the socket's buffer. */
const FRAME_COST_BYTES = HEAD_BYTES + 512;

/** Queue of frames that were read from the socket and not received, limited by the memory that they take. */
export class ReceiveQueue {
  private readonly frames: ChannelFrame[] = [];
  private usedBytes = 0;

  /** Whether no more frames may be read. `hasSession`: whether the handshake is complete. */
  isFull(hasSession: boolean): boolean {
    return this.usedBytes >= (hasSession ? QUEUE_BYTES : HANDSHAKE_QUEUE_BYTES);
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
