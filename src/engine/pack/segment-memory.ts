import { packedLz4Capacity } from '../../codec/lz4.js';
import type { Slots } from '../../kernels/arena.js';

/** Size of the extents that copied bytes of segments are stored in. */
export const EXTENT_BYTES = 1 << 20;
/** Maximum bytes of one copy: the largest page. So an extent may end with that many unused bytes. */
export const MAX_PIECE_BYTES = 1 << 16;
const ALIGNMENT = 64;

/**
 * Memory that the segments of one frame share: extents for copied bytes, and an output buffer for packed
 * bytes. The limit applies to all segments of a frame together, so separate buffers would need several times
 * the address space.
 */
export class SegmentMemory {
  private readonly extents: number;
  private readonly extentCount: number;
  /** The free extents: from `lowest` to before `highest`. */
  private lowest = 0;
  private highest: number;
  private readonly output: number;
  private outputUsed = 0;

  /**
   * `capacity`: bytes of all segments; `segments`: their number; `option`: the user's option that sizes the
   * memory. `unpackedBytes`: further copied bytes that are in no segment when it is packed.
   */
  constructor(
    slots: Slots,
    readonly capacity: number,
    segments: number,
    option?: string,
    unpackedBytes = 0,
  ) {
    this.extentCount = Math.ceil((capacity + unpackedBytes) / (EXTENT_BYTES - MAX_PIECE_BYTES)) + segments;
    this.highest = this.extentCount;
    this.extents = slots.slot('segments', this.extentCount * EXTENT_BYTES, option);
    this.output = slots.slot('packed segments', packedLz4Capacity(capacity) + segments * ALIGNMENT, option);
  }

  /** Free all extents and the output buffer. */
  clear(): void {
    this.lowest = 0;
    this.highest = this.extentCount;
    this.clearOutput();
  }

  /** Free the output buffer. */
  clearOutput(): void {
    this.outputUsed = 0;
  }

  /** Take a free extent. One segment takes them in ascending order, to be contiguous, others from the end. */
  takeExtent(isAscending: boolean): number {
    if (this.lowest >= this.highest) throw new Error(`segments: more than ${this.capacity} bytes`);
    const extent = isAscending ? this.lowest++ : --this.highest;
    return this.extents + extent * EXTENT_BYTES;
  }

  /** Take output space for the packed bytes of a segment of `bytes` bytes and return its address. */
  takeOutput(bytes: number): number {
    const address = this.output + this.outputUsed;
    this.outputUsed += Math.ceil(packedLz4Capacity(bytes) / ALIGNMENT) * ALIGNMENT;
    return address;
  }
}
