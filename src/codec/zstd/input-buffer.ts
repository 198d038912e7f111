import type { ZstdMemory } from './memory.js';

/** Collects chunks in a slot, so that a coder has as many bytes in one piece as it asks for. */
export class InputBuffer {
  /** Offset of the first input byte that is in the slot. */
  offset = 0;
  private readonly slot: number;
  private start = 0;
  private end = 0;
  private chunk: Uint8Array | undefined;
  private chunkAt = 0;
  private isEnded = false;

  constructor(
    private readonly memory: ZstdMemory,
    private readonly capacity: number,
  ) {
    this.slot = memory.slot(capacity);
  }

  /** Address of the bytes, and their number. */
  get address(): number {
    return this.slot + this.start;
  }

  get bytes(): number {
    return this.end - this.start;
  }

  /** Remove the first bytes. */
  consume(bytes: number): void {
    this.start += bytes;
    this.offset += bytes;
  }

  /** Have `bytes` bytes in the slot, up to its capacity; return whether the input has as many. */
  *atLeast(bytes: number): Generator<undefined, boolean, Uint8Array | undefined> {
    while (this.bytes < bytes) {
      if (!this.fill(bytes) && !(yield* this.ask())) return false;
    }
    return true;
  }

  /** Have one more byte in the slot; return whether the input has one. */
  *more(): Generator<undefined, boolean, Uint8Array | undefined> {
    return yield* this.atLeast(this.bytes + 1);
  }

  /** Skip `bytes` bytes; return whether the input has as many. */
  *skip(bytes: number): Generator<undefined, boolean, Uint8Array | undefined> {
    for (let left = bytes; left > 0; ) {
      if (this.bytes === 0 && !(yield* this.atLeast(1))) return false;
      const step = Math.min(left, this.bytes);
      this.consume(step);
      left -= step;
    }
    return true;
  }

  /** Copy as much of the chunk as fits, to have `wanted` bytes in one piece; return whether it had any. */
  private fill(wanted: number): boolean {
    const { chunk, memory, slot, capacity } = this;
    if (!chunk) return false;
    if (this.start + wanted > capacity || this.start === this.end) {
      memory.bytes.copyWithin(slot, slot + this.start, slot + this.end);
      this.end -= this.start;
      this.start = 0;
    }
    const bytes = Math.min(chunk.length - this.chunkAt, capacity - this.end);
    memory.bytes.set(chunk.subarray(this.chunkAt, this.chunkAt + bytes), slot + this.end);
    this.end += bytes;
    this.chunkAt += bytes;
    if (this.chunkAt === chunk.length) this.chunk = undefined;
    return bytes > 0;
  }

  private *ask(): Generator<undefined, boolean, Uint8Array | undefined> {
    if (this.isEnded) return false;
    this.chunk = yield undefined;
    this.chunkAt = 0;
    this.isEnded = this.chunk === undefined;
    return !this.isEnded;
  }
}
