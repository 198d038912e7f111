import type { CodecContext } from '../../codec/codec.js';
import { packedLz4Capacity, packLz4 } from '../../codec/lz4.js';
import { hasZstd, usesKernels, type ZstdSet } from '../../codec/zstd/load.js';
import type { Slots } from '../../kernels/arena.js';
import type { Packing } from '../../strategy/strategy.js';
import type { Packed } from './segment.js';

const DEFAULT_ZSTD_LEVEL = 3;

/** A packed segment in one piece. */
interface PackedPiece extends Packed {
  readonly bytes: Uint8Array;
}

/** Packs small segments such as frame tables, one at a time on the calling thread, and computes checks. */
export class SegmentPacker {
  private readonly input: number;
  private readonly output: number;
  private readonly check: number;

  /** `capacity`: bytes of the largest segment; `option`: the user's option that sizes it, named in errors. */
  constructor(
    slots: Slots,
    private readonly codec: CodecContext,
    private readonly zstd: ZstdSet,
    private readonly capacity: number,
    option?: string,
  ) {
    this.input = slots.slot('segment', capacity, option);
    this.output = slots.slot('packed segment', packedLz4Capacity(capacity), option);
    this.check = slots.slot('check', 16);
  }

  /** Pack `segment`; the result is valid until the next call. `at`: its address in the kernels' memory. */
  pack(segment: Uint8Array, packing: Packing, at?: number): PackedPiece {
    const started = performance.now();
    const { bytes: memory, zstd } = this.codec.kernels;
    let name = packing.name === 'zstd' && !hasZstd(this.zstd) ? 'lz4' : packing.name;
    let address = this.input;
    if (at === undefined) memory.set(segment, this.input);
    else address = at;
    const bytes = segment.length;
    let packedBytes = bytes;
    if (name === 'lz4') packedBytes = packLz4(this.codec, address, bytes, this.output);
    else if (name === 'zstd') {
      const { level = DEFAULT_ZSTD_LEVEL } = packing;
      if (usesKernels(packing.encoder, this.zstd)) {
        const { zstdScratch, maxZstdLevel } = this.codec;
        const zstdLevel = Math.min(level, maxZstdLevel);
        packedBytes = zstd.zstdEncode(address, bytes, this.output, bytes - 1, zstdLevel, 0, zstdScratch);
      } else {
        const frame = this.zstd.other!.compress(segment, level);
        packedBytes = frame.length;
        if (packedBytes < bytes) memory.set(frame, this.output);
      }
    }
    if (packedBytes <= 0 || packedBytes >= bytes) {
      name = 'raw';
      packedBytes = bytes;
    } else address = this.output;
    const packed = name === 'raw' ? segment : memory.subarray(address, address + packedBytes);
    const ms = performance.now() - started;
    const check = this.checkOf(address, packedBytes);
    return { packing: name, bytes: packed, parts: [packed], packedBytes, check, ms, cpuMs: ms };
  }

  /** Return XXH3-64 of bytes in the kernels' memory: low half, high half. */
  checkOf(
    address: number,
    length: number,
    seed: readonly [number, number] = [0, 0],
  ): readonly [number, number] {
    const { run, words } = this.codec.kernels;
    run.hash64(address, length, seed[0], seed[1], this.check);
    return [words[this.check >>> 2]!, words[(this.check >>> 2) + 1]!];
  }

  /** As `checkOf`, of bytes outside the kernels' memory. @throws RangeError above the capacity */
  checkOfBytes(bytes: Uint8Array, seed?: readonly [number, number]): readonly [number, number] {
    if (bytes.length > this.capacity)
      throw new RangeError(`check: ${bytes.length} bytes, at most ${this.capacity}`);
    this.codec.kernels.bytes.set(bytes, this.input);
    return this.checkOf(this.input, bytes.length, seed);
  }
}
