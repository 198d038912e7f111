import {
  headProblem,
  initProblem,
  MAX_PACKET_BYTES,
  MULTIFD_INIT_BYTES,
  PACKET_HEAD_BYTES,
  packetDataBytes,
} from '../../qemu/multifd.js';

/** Collects the head and the packets of one channel from pieces of any size, one item at a time. */
export class PacketInput {
  /** Why the bytes that were collected cannot be a packet. */
  problem: string | undefined;
  private readonly buffer = new Uint8Array(MAX_PACKET_BYTES);
  private filled = 0;
  private hasInit = false;
  private hasHead = false;
  private needed = MULTIFD_INIT_BYTES;

  /** The bytes collected so far; valid until `clear`. */
  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.filled);
  }

  /** The channel's head, or a packet with all of its pages, is collected. */
  get isWhole(): boolean {
    return this.filled === this.needed && (this.hasHead || !this.hasInit) && this.problem === undefined;
  }

  /** The bytes that are collected are the channel's head. */
  get isInit(): boolean {
    return !this.hasInit;
  }

  /**
   * Collect bytes from piece[at] on, up to the end of an item or to a problem. Return the offset of the first
   * byte that was not taken.
   */
  fill(piece: Uint8Array, at: number): number {
    while (at < piece.length && !this.isWhole && this.problem === undefined) {
      const to = Math.min(piece.length, at + this.needed - this.filled);
      this.buffer.set(piece.subarray(at, to), this.filled);
      this.filled += to - at;
      at = to;
      if (this.filled === this.needed) this.check();
    }
    return at;
  }

  /** Begin the next item. */
  clear(): void {
    this.hasInit = true;
    this.hasHead = false;
    this.filled = 0;
    this.needed = PACKET_HEAD_BYTES;
  }

  private check(): void {
    if (!this.hasInit) this.problem = initProblem(this.buffer);
    else if (!this.hasHead) {
      this.problem = headProblem(this.buffer);
      this.hasHead = true;
      if (this.problem === undefined) this.needed += packetDataBytes(this.buffer);
    }
  }
}
