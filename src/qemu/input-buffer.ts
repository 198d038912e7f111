/** A command, the longest thing that is looked at as a whole. */
const MAX_HELD_BYTES = 5 + 0xffff;
const FIRST_HELD_BYTES = 8192;

/**
 * Reads units from bytes[at] on, as far as whole ones go before `end`; gives where it stopped. Stopped before the end, it has set
 * `need` to the bytes that it needs from there on, which are more than there are.
 */
export type Advance = (bytes: Uint8Array, at: number, end: number) => number;

/** Bytes that come in pieces of any size, for a reader of units: whole ones are read where they lie, one cut in two is joined. */
export class InputBuffer {
  need = 1;
  /** Bytes of the stream before those that are looked at. */
  origin = 0;
  private pushedBytes = 0;
  private held = new Uint8Array(FIRST_HELD_BYTES);
  private heldBytes = 0;

  constructor(private readonly advance: Advance) {}

  /** All that has come. */
  get bytes(): number {
    return this.pushedBytes;
  }

  push(piece: Uint8Array): void {
    let at = 0;
    while (at < piece.length) {
      if (this.heldBytes === 0) {
        this.origin = this.pushedBytes;
        at = this.advance(piece, at, piece.length);
        this.hold(piece, at, piece.length);
        break;
      }
      const taken = Math.min(this.need - this.heldBytes, piece.length - at);
      this.hold(piece, at, at + taken);
      at += taken;
      if (this.heldBytes < this.need) break;
      this.origin = this.pushedBytes + at - this.heldBytes;
      const done = this.advance(this.held, 0, this.heldBytes);
      this.held.copyWithin(0, done, this.heldBytes);
      this.heldBytes -= done;
    }
    this.pushedBytes += piece.length;
  }

  /** Gives up what is held; its first byte is then at `origin`. */
  release(): Uint8Array {
    this.origin = this.pushedBytes - this.heldBytes;
    const held = this.held.subarray(0, this.heldBytes);
    this.heldBytes = 0;
    return held;
  }

  private hold(bytes: Uint8Array, from: number, to: number): void {
    const wanted = this.heldBytes + to - from;
    if (wanted > this.held.length) {
      const more = new Uint8Array(MAX_HELD_BYTES);
      more.set(this.held.subarray(0, this.heldBytes));
      this.held = more;
    }
    this.held.set(bytes.subarray(from, to), this.heldBytes);
    this.heldBytes = wanted;
  }
}
