import type { Slots } from '../../kernels/arena.js';
import type { Kernels } from '../../kernels/kernels.js';
import { MAX_HEAD_BYTES } from '../../stream/format.js';

/** Initial capacity of the buffer for heads; few heads are longer. */
const INITIAL_HEAD_BYTES = 4096;

/** Collects the expected bytes of a stream, a head and data, from pieces of any size. */
export class ByteCollector {
  private readonly kernels: Kernels;
  private headBuffer = new Uint8Array(INITIAL_HEAD_BYTES);
  /** Addresses: the bytes to hash, and their hash. */
  private readonly hashed: number;
  private readonly hash: number;
  private headBytes = 0;
  private dataBytes = 0;
  /** Address for the data. */
  private data = 0;
  /** Expected bytes collected so far. */
  private collected = 0;
  /** Bytes of the stream collected so far. */
  position = 0;

  constructor(slots: Slots) {
    this.kernels = slots.kernels;
    this.hashed = slots.slot('record head', MAX_HEAD_BYTES);
    this.hash = slots.slot('check', 16);
  }

  get complete(): boolean {
    return this.collected === this.headBytes + this.dataBytes;
  }

  /** The head, valid until the next `expect`. */
  get head(): Uint8Array {
    return this.headBuffer.subarray(0, this.headBytes);
  }

  /** Expect a head of `headBytes` bytes, then `dataBytes` bytes of data, to be stored at address `data`. */
  expect(headBytes: number, dataBytes = 0, data = 0): void {
    if (headBytes > this.headBuffer.length) this.headBuffer = new Uint8Array(headBytes);
    this.headBytes = headBytes;
    this.dataBytes = dataBytes;
    this.data = data;
    this.collected = 0;
  }

  /** Collect expected bytes of `bytes` from offset `from` on; return their number. */
  collect(bytes: Uint8Array, from: number): number {
    const isInHead = this.collected < this.headBytes;
    const missing = (isInHead ? 0 : this.dataBytes) + this.headBytes - this.collected;
    const count = Math.min(missing, bytes.length - from);
    const piece = bytes.subarray(from, from + count);
    if (isInHead) this.headBuffer.set(piece, this.collected);
    else this.kernels.bytes.set(piece, this.data + this.collected - this.headBytes);
    this.collected += count;
    this.position += count;
    return count;
  }

  /** Return XXH3-64 of a head's bytes: low half, high half. */
  check(bytes: Uint8Array, seed: readonly [number, number]): readonly [number, number] {
    const { run, words } = this.kernels;
    this.kernels.bytes.set(bytes, this.hashed);
    run.hash64(this.hashed, bytes.length, seed[0], seed[1], this.hash);
    return [words[this.hash >>> 2]!, words[(this.hash >>> 2) + 1]!];
  }
}
