import type { CodecContext } from '../../codec/codec.js';
import { packedLz4Capacity, packLz4 } from '../../codec/lz4.js';
import type { PackingName } from '../../codec/registry.js';
import type { Zstd } from '../../codec/zstd.js';
import type { Packing } from '../../strategy/strategy.js';

const DEFAULT_ZSTD_LEVEL = 3;

/** What packing a segment gave. */
export interface Packed {
  /** Raw when nothing was gained. */
  readonly packing: PackingName;
  /** The packed bytes; for raw the segment itself. */
  readonly bytes: Uint8Array;
  /** XXH3-64 of the packed bytes: low half, high half. */
  readonly check: readonly [number, number];
  readonly ms: number;
}

/** Packs segments, one at a time, in the memory of one kernels instance. */
export class SegmentPacker {
  private readonly input: number;
  private readonly output: number;
  private readonly check: number;

  constructor(
    private readonly context: CodecContext,
    private readonly zstd: Zstd | undefined,
    private readonly capacity: number,
  ) {
    const { kernels } = context;
    this.input = kernels.reserve(capacity, 'segment');
    this.output = kernels.reserve(packedLz4Capacity(capacity), 'packed segment');
    this.check = kernels.reserve(16, 'check');
  }

  /**
   * Packs `segment`, which may stand anywhere; the result is good until the next call. `at` is where it stands in the kernels'
   * memory, if it does.
   */
  pack(segment: Uint8Array, packing: Packing, at?: number): Packed {
    const started = performance.now();
    const { bytes: memory } = this.context.kernels;
    // Where there is no zstd, LZ4 stands in for it.
    let name = packing.name === 'zstd' && !this.zstd ? 'lz4' : packing.name;
    let length = 0;
    let address = at ?? 0;
    if (name !== 'zstd' && at === undefined) {
      memory.set(segment, this.input);
      address = this.input;
    }
    if (name === 'lz4') length = packLz4(this.context, address, segment.length, this.output);
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
    return { packing: name, bytes, check: this.checkOf(address, length), ms: performance.now() - started };
  }

  /** XXH3-64 of bytes in the kernels' memory. */
  checkOf(
    address: number,
    length: number,
    seed: readonly [number, number] = [0, 0],
  ): readonly [number, number] {
    const { run, words } = this.context.kernels;
    run.hash64(address, length, seed[0], seed[1], this.check);
    return [words[this.check >>> 2]!, words[(this.check >>> 2) + 1]!];
  }

  /** XXH3-64 of bytes that stand anywhere, up to the capacity. */
  checkOfBytes(bytes: Uint8Array, seed?: readonly [number, number]): readonly [number, number] {
    if (bytes.length > this.capacity)
      throw new RangeError(`check: ${bytes.length} bytes, at most ${this.capacity}`);
    this.context.kernels.bytes.set(bytes, this.input);
    return this.checkOf(this.input, bytes.length, seed);
  }
}

/** Kernel memory that a packer of this capacity needs, scratch included. */
export function packerBytes(capacity: number): number {
  return 2 * capacity + Math.ceil(capacity / 16384) + (1 << 18);
}
