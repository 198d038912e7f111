import type { Kernels } from '../../kernels/kernels.js';
import { MAX_HEAD_BYTES } from '../../stream/format.js';

/** Room that heads have at first; few need more. */
const FIRST_HEAD_BYTES = 4096;

/** Collects a stream's bytes, however they are cut, until as many are there as are expected: a head, then data. */
export class ByteCollector {
  private headRoom = new Uint8Array(FIRST_HEAD_BYTES);
  private readonly checked: number;
  private readonly result: number;
  private headBytes = 0;
  private dataBytes = 0;
  private got = 0;
  /** Bytes taken from the stream so far. */
  position = 0;

  constructor(
    private readonly kernels: Kernels,
    private readonly data: number,
  ) {
    this.checked = kernels.reserve(MAX_HEAD_BYTES, 'record head');
    this.result = kernels.reserve(16, 'check');
  }

  get complete(): boolean {
    return this.got === this.headBytes + this.dataBytes;
  }

  /** The head; good until the next `expect`. */
  get head(): Uint8Array {
    return this.headRoom.subarray(0, this.headBytes);
  }

  expect(headBytes: number, dataBytes = 0): void {
    if (headBytes > this.headRoom.length) this.headRoom = new Uint8Array(headBytes);
    this.headBytes = headBytes;
    this.dataBytes = dataBytes;
    this.got = 0;
  }

  /** Takes what is still expected from `bytes`, from `from` on; returns how many bytes that were. */
  take(bytes: Uint8Array, from: number): number {
    const inHead = this.got < this.headBytes;
    const wanted = inHead ? this.headBytes - this.got : this.headBytes + this.dataBytes - this.got;
    const count = Math.min(wanted, bytes.length - from);
    const piece = bytes.subarray(from, from + count);
    if (inHead) this.headRoom.set(piece, this.got);
    else this.kernels.bytes.set(piece, this.data + this.got - this.headBytes);
    this.got += count;
    this.position += count;
    return count;
  }

  /** XXH3-64 of a head's bytes. */
  check(bytes: Uint8Array, seed: readonly [number, number]): readonly [number, number] {
    const { run, words } = this.kernels;
    this.kernels.bytes.set(bytes, this.checked);
    run.hash64(this.checked, bytes.length, seed[0], seed[1], this.result);
    return [words[this.result >>> 2]!, words[(this.result >>> 2) + 1]!];
  }
}
