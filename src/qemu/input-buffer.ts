/** Bytes of the longest item that is parsed as a whole: a command with the largest payload. */
const MAX_BUFFERED_BYTES = 5 + 0xffff;
const INITIAL_BUFFER_BYTES = 8192;

/**
 * Parses as many whole items of bytes[at, end) as there are and returns the offset of the first byte that was
 * not consumed. If that is before `end`, it has set `needed` to the bytes that the next item needs from there
 * on, more than there are.
 */
export type Parse = (bytes: Uint8Array, at: number, end: number) => number;

/**
 * Joins pieces of any size for a parser of items. An item inside one piece is parsed in place; only an item
 * that is split between pieces is copied.
 */
export class InputBuffer {
  /** Bytes of the next item, set by `parse`. */
  needed = 1;
  /** Offset in the stream of the first byte that `parse` was called with. */
  origin = 0;
  private pushedBytes = 0;
  private buffer = new Uint8Array(INITIAL_BUFFER_BYTES);
  private bufferedBytes = 0;

  constructor(private readonly parse: Parse) {}

  /** Bytes that were pushed in total. */
  get bytes(): number {
    return this.pushedBytes;
  }

  /** Parse the next bytes. */
  push(piece: Uint8Array): void {
    let at = 0;
    while (at < piece.length) {
      if (this.bufferedBytes === 0) {
        this.origin = this.pushedBytes;
        at = this.parse(piece, at, piece.length);
        this.append(piece, at, piece.length);
        break;
      }
      const added = Math.min(this.needed - this.bufferedBytes, piece.length - at);
      this.append(piece, at, at + added);
      at += added;
      if (this.bufferedBytes < this.needed) break;
      this.origin = this.pushedBytes + at - this.bufferedBytes;
      const parsed = this.parse(this.buffer, 0, this.bufferedBytes);
      this.buffer.copyWithin(0, parsed, this.bufferedBytes);
      this.bufferedBytes -= parsed;
    }
    this.pushedBytes += piece.length;
  }

  /** Remove and return the bytes of an incomplete item; the first one is at `origin` of the stream. */
  release(): Uint8Array {
    this.origin = this.pushedBytes - this.bufferedBytes;
    const buffered = this.buffer.subarray(0, this.bufferedBytes);
    this.bufferedBytes = 0;
    return buffered;
  }

  private append(bytes: Uint8Array, from: number, to: number): void {
    const total = this.bufferedBytes + to - from;
    if (total > this.buffer.length) {
      const larger = new Uint8Array(MAX_BUFFERED_BYTES);
      larger.set(this.buffer.subarray(0, this.bufferedBytes));
      this.buffer = larger;
    }
    this.buffer.set(bytes.subarray(from, to), this.bufferedBytes);
    this.bufferedBytes = total;
  }
}
