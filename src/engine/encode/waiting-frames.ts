import type { PackedFrame } from '../frame/frame-builder.js';

/** A frame that is being packed or waits for the output. */
export interface WaitingFrame {
  readonly image: number;
  readonly firstPage: number;
  readonly pageCount: number;
  readonly ordinal: number;
  /** Called once the frame was written or has failed. */
  readonly onEnd: () => void;
  packed?: PackedFrame;
  /** Set once the frame was given to the output. */
  isGiven?: true;
  /** The next record in the stream, if it is a frame. */
  next?: WaitingFrame;
}

/** Selects the waiting frames that one write combines: packed ones that follow each other in the stream. */
export class WaitingFrames {
  /** Bytes of packed frames whose write has not ended. */
  packedBytes = 0;
  /** The last record of the stream, if it is a frame. */
  private last: WaitingFrame | undefined;

  /** Add the next frame of the stream. */
  add(frame: WaitingFrame): void {
    if (this.last) this.last.next = frame;
    this.last = frame;
  }

  /** Note that a record follows that is no frame. */
  endRun(): void {
    this.last = undefined;
  }

  setPacked(frame: WaitingFrame, packed: PackedFrame): void {
    frame.packed = packed;
    this.packedBytes += packed.bytes;
  }

  /**
   * Return `first` and the packed frames to write with it: at most `maxBytes` and half of the waiting bytes.
   */
  select(first: WaitingFrame, maxBytes: number): WaitingFrame[] {
    const frames = [first];
    const limit = Math.min(this.packedBytes / 2, maxBytes);
    let bytes = first.packed!.bytes;
    for (let { next } = first; next?.packed; { next } = next) {
      bytes += next.packed.bytes;
      if (bytes > limit) break;
      frames.push(next);
    }
    return frames;
  }
}
