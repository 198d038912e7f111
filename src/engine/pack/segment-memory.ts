import { packedLz4Capacity } from '../../codec/lz4.js';
import type { Slots } from '../../kernels/arena.js';

/** Copied bytes of a segment are in extents of this size. */
export const EXTENT_BYTES = 1 << 20;
/** Largest piece, as large as the largest page. An extent may end with as many unused bytes. */
export const MAX_PIECE_BYTES = 1 << 16;
const ALIGNMENT = 64;

/**
 * Memory that the segments of one frame share: extents for copied bytes, and space for packed bytes. A frame
 * has a limit on the bytes of all its segments, so each segment with buffers of its own would need several
 * times the address space.
 */
export class SegmentMemory {
  private readonly extents: number;
  private readonly extentCount: number;
  private lowest = 0;
  private highest: number;
  private readonly output: number;
  private outputUsed = 0;

  /**
   * `capacity`: bytes of all segments together; `segments`: their number. `option` sizes the memory, for
   * errors. `unpackedBytes`: copied bytes, beside them, of which no segment is packed.
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

  /** Make all extents and the space for packed bytes free. */
  clear(): void {
    this.lowest = 0;
    this.highest = this.extentCount;
    this.clearOutput();
  }

  /** Make the space for packed bytes free. */
  clearOutput(): void {
    this.outputUsed = 0;
  }

  /**
   * Return the address of a free extent. One segment may take them in ascending order, so that its bytes are
   * in one piece; the others take them from the end.
   */
  takeExtent(isAscending: boolean): number {
    if (this.lowest >= this.highest) throw new Error(`segments: more than ${this.capacity} bytes`);
    const extent = isAscending ? this.lowest++ : --this.highest;
    return this.extents + extent * EXTENT_BYTES;
  }

  /** Return the address of space for the packed bytes of a segment of `bytes` bytes. */
  takeOutput(bytes: number): number {
    const address = this.output + this.outputUsed;
    this.outputUsed += Math.ceil(packedLz4Capacity(bytes) / ALIGNMENT) * ALIGNMENT;
    return address;
  }
}
