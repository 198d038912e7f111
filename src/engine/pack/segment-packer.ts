import type { CodecContext } from '../../codec/codec.js';
import { packedLz4Capacity, packLz4 } from '../../codec/lz4.js';
import type { Zstd } from '../../codec/zstd.js';
import type { Slots } from '../../kernels/arena.js';
import type { Packing } from '../../strategy/strategy.js';
import type { Packed } from './segment.js';

const DEFAULT_ZSTD_LEVEL = 3;

/** Packs segments, one at a time, on the calling thread. */
export class SegmentPacker {
  private readonly input: number;
  private readonly output: number;
  private readonly check: number;

  /** `capacity`: bytes of the largest segment, which `option` sizes. */
  constructor(
    slots: Slots,
    private readonly codec: CodecContext,
    private readonly zstd: Zstd | undefined,
    private readonly capacity: number,
    option?: string,
  ) {
    this.input = slots.slot('segment', capacity, option);
    this.output = slots.slot('packed segment', packedLz4Capacity(capacity), option);
    this.check = slots.slot('check', 16);
  }

  /**
   * Pack `segment`; the result is valid until the next call. `at`: the segment's address, if it is in the
   * kernels' memory. Without a zstd, LZ4 packs in its place.
   */
  pack(segment: Uint8Array, packing: Packing, at?: number): Packed {
    const started = performance.now();
    const { bytes: memory } = this.codec.kernels;
    let name = packing.name === 'zstd' && !this.zstd ? 'lz4' : packing.name;
    let length = 0;
    let address = at ?? 0;
    if (name !== 'zstd' && at === undefined) {
      memory.set(segment, this.input);
      address = this.input;
    }
    if (name === 'lz4') length = packLz4(this.codec, address, segment.length, this.output);
    if (name === 'zstd' && this.zstd) {
      const frame = this.zstd.compress(segment, packing.level ?? DEFAULT_ZSTD_LEVEL);
      length = frame.length;
      if (length < segment.length) memory.set(frame, this.output);
    }
    if (length === 0 || length >= segment.length) {
      if (name === 'zstd' && at === undefined) {
        memory.set(segment, this.input);
        address = this.input;
      }
      name = 'raw';
      length = segment.length;
    } else address = this.output;
    const bytes = name === 'raw' ? segment : memory.subarray(address, address + length);
    const ms = performance.now() - started;
    return { packing: name, bytes, check: this.checkOf(address, length), ms, cpuMs: ms };
  }

  /** Return XXH3-64 of bytes in the kernels' memory. */
  checkOf(
    address: number,
    length: number,
    seed: readonly [number, number] = [0, 0],
  ): readonly [number, number] {
    const { run, words } = this.codec.kernels;
    run.hash64(address, length, seed[0], seed[1], this.check);
    return [words[this.check >>> 2]!, words[(this.check >>> 2) + 1]!];
  }

  /** Return XXH3-64 of bytes outside the kernels' memory, up to the capacity. */
  checkOfBytes(bytes: Uint8Array, seed?: readonly [number, number]): readonly [number, number] {
    if (bytes.length > this.capacity)
      throw new RangeError(`check: ${bytes.length} bytes, at most ${this.capacity}`);
    this.codec.kernels.bytes.set(bytes, this.input);
    return this.checkOf(this.input, bytes.length, seed);
  }
}
