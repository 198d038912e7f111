import { type ChannelFrame, HEAD_BYTES } from './frame.js';

/** Memory of a queued frame besides its body: its head, its objects, and its share of the socket's buffer. */
const FRAME_COST_BYTES = HEAD_BYTES + 512;

/** Frames that were read ahead, and the memory that they take: a frame costs more than its body. */
export class FrameQueue {
  private readonly frames: ChannelFrame[] = [];
  private usedBytes = 0;

  /** Memory of the queued frames, in bytes. */
  get bytes(): number {
    return this.usedBytes;
  }

  get length(): number {
    return this.frames.length;
  }

  push(frame: ChannelFrame): void {
    this.frames.push(frame);
    this.usedBytes += FRAME_COST_BYTES + frame.body.length;
  }

  /** The next frame, which stays in the queue. */
  get first(): ChannelFrame | undefined {
    return this.frames[0];
  }

  shift(): ChannelFrame | undefined {
    const frame = this.frames.shift();
    if (frame) this.usedBytes -= FRAME_COST_BYTES + frame.body.length;
    return frame;
  }

  clear(): void {
    this.frames.length = 0;
    this.usedBytes = 0;
  }
}
