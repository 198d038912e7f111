import { doubled } from '../doubled.js';

const FIRST_CAPACITY = 64;

/** Consecutive addresses of memory. */
export interface MemoryRange {
  readonly address: bigint;
  readonly bytes: number;
}

/** A range with its place in an image. */
export interface PlacedRange extends MemoryRange {
  /** Position in the image. */
  readonly offset: number;
}

/** Ranges in an image's order: an array, or a {@link RangeTable} if they can be millions. */
export interface MemoryRanges extends Iterable<MemoryRange> {
  readonly length: number;
}

/** Ranges of memory in 16 bytes each. */
export class RangeTable implements MemoryRanges {
  length = 0;
  private addresses: BigUint64Array;
  private sizes: Float64Array;

  /** `capacity`: number of ranges, if it is known. */
  constructor(capacity = FIRST_CAPACITY) {
    this.addresses = new BigUint64Array(Math.max(1, capacity));
    this.sizes = new Float64Array(Math.max(1, capacity));
  }

  add(address: bigint, bytes: number): void {
    if (this.length === this.sizes.length) {
      this.addresses = doubled(this.addresses);
      this.sizes = doubled(this.sizes);
    }
    this.addresses[this.length] = address;
    this.sizes[this.length++] = bytes;
  }

  /** Add a range, or extend the last one if it ends at the address. */
  append(address: bigint, bytes: number): void {
    const last = this.length - 1;
    if (last >= 0 && this.addresses[last]! + BigInt(this.sizes[last]!) === address) this.extendLast(bytes);
    else this.add(address, bytes);
  }

  extendLast(bytes: number): void {
    this.sizes[this.length - 1]! += bytes;
  }

  *[Symbol.iterator](): Iterator<MemoryRange> {
    for (let i = 0; i < this.length; i++) yield { address: this.addresses[i]!, bytes: this.sizes[i]! };
  }
}

/** Bytes of all ranges. */
export function rangesBytes(ranges: Iterable<MemoryRange>): number {
  let sum = 0;
  for (const { bytes } of ranges) sum += bytes;
  return sum;
}

/** List the ranges as objects, for callers that want to keep them: some 100 bytes each. */
export function placedRanges(ranges: MemoryRanges): PlacedRange[] {
  let offset = 0;
  return Array.from(ranges, ({ address, bytes }) => {
    const placed = { address, bytes, offset };
    offset += bytes;
    return placed;
  });
}
