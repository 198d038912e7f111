import { RangeTable } from './container/range-table.js';
import { doubled } from './doubled.js';
import type { ImageDetails } from './image-details.js';
import { reorder, sortedOrder } from './sorted-order.js';

const FIRST_CAPACITY = 64;
/** Offset of a range that is in no file. */
const NOWHERE = -1;

/**
 * Ranges of addresses with their places in a file: 28 bytes each, since a file can have a million. `number`
 * is what a format needs of each besides: the number of its program header, the end of its chunks.
 */
export class StoredRanges {
  length = 0;
  private addresses: BigUint64Array;
  private sizes: Float64Array;
  private offsets: Float64Array;
  private numbers: Uint32Array;

  /** `capacity`: number of ranges, if it is known. */
  constructor(capacity = FIRST_CAPACITY) {
    const length = Math.max(1, capacity);
    this.addresses = new BigUint64Array(length);
    this.sizes = new Float64Array(length);
    this.offsets = new Float64Array(length);
    this.numbers = new Uint32Array(length);
  }

  add(address: bigint, bytes: number, offset: number = NOWHERE, number = 0): void {
    const i = this.length;
    if (i === this.sizes.length) {
      this.addresses = doubled(this.addresses);
      this.sizes = doubled(this.sizes);
      this.offsets = doubled(this.offsets);
      this.numbers = doubled(this.numbers);
    }
    this.addresses[i] = address;
    this.sizes[i] = bytes;
    this.offsets[i] = offset;
    this.numbers[i] = number;
    this.length = i + 1;
  }

  address(i: number): bigint {
    return this.addresses[i]!;
  }

  bytes(i: number): number {
    return this.sizes[i]!;
  }

  /** Address after a range, which can be 2^64. */
  end(i: number): bigint {
    return this.addresses[i]! + BigInt(this.sizes[i]!);
  }

  isStored(i: number): boolean {
    return this.offsets[i]! !== NOWHERE;
  }

  /** Offset in the file; -1 if the range is not in it. */
  offset(i: number): number {
    return this.offsets[i]!;
  }

  number(i: number): number {
    return this.numbers[i]!;
  }

  /** Add a range of another table without its first `skipped` bytes. */
  addFrom(other: StoredRanges, i: number, skipped = 0): void {
    const offset = other.isStored(i) ? other.offset(i) + skipped : NOWHERE;
    this.add(other.address(i) + BigInt(skipped), other.bytes(i) - skipped, offset, other.number(i));
  }

  /**
   * Keep some of the ranges, in their order. `skippedAt` returns how many of its first bytes a range loses; a
   * range that loses all is left out.
   */
  clip(skippedAt: (i: number) => number): void {
    const { length } = this;
    this.length = 0;
    for (let i = 0; i < length; i++) {
      const skipped = skippedAt(i);
      if (skipped < this.sizes[i]!) this.addFrom(this, i, skipped); // not after `i`
    }
  }

  /** Sort by ascending address; ranges with one address keep their order. */
  sortByAddress(): void {
    this.reorder(this.orderByAddress());
  }

  /** Sort by ascending offset in the file. */
  sortByOffset(): void {
    this.reorder(this.orderByOffset());
  }

  /** A table of the same ranges in an order, or this one if there is none. */
  inOrder(order: Uint32Array | undefined): StoredRanges {
    if (!order) return this;
    const sorted = new StoredRanges(this.length);
    for (const i of order) sorted.addFrom(this, i);
    return sorted;
  }

  /**
   * Indexes by ascending address; undefined if the ranges are in that order. Of those with one address the
   * first is first, or the largest with `largestFirst`.
   */
  orderByAddress({ largestFirst = false } = {}): Uint32Array | undefined {
    const { addresses, sizes } = this;
    // Numbers are compared without an allocation; those of different addresses can be equal.
    const keys = new Float64Array(this.length);
    for (let i = 0; i < keys.length; i++) keys[i] = Number(addresses[i]!);
    return sortedOrder(this.length, (a, b) => {
      if (keys[a] !== keys[b]) return keys[a]! - keys[b]!;
      if (addresses[a] !== addresses[b]) return addresses[a]! < addresses[b]! ? -1 : 1;
      return largestFirst ? sizes[b]! - sizes[a]! : 0;
    });
  }

  /** Indexes by ascending offset in the file; undefined if the ranges are in that order. */
  orderByOffset(): Uint32Array | undefined {
    const { offsets } = this;
    return sortedOrder(this.length, (a, b) => offsets[a]! - offsets[b]!);
  }

  /** The addresses alone. */
  toRangeTable(): RangeTable {
    const ranges = new RangeTable(this.length);
    for (let i = 0; i < this.length; i++) ranges.add(this.addresses[i]!, this.sizes[i]!);
    return ranges;
  }

  /** Bytes that the ranges say to be in the file, and those that a file of `fileBytes` bytes has. */
  presentBytes(fileBytes: number): Required<Pick<ImageDetails, 'claimedBytes' | 'presentBytes'>> {
    let claimedBytes = 0;
    let presentBytes = 0;
    for (let i = 0; i < this.length; i++) {
      if (!this.isStored(i)) continue;
      claimedBytes += this.sizes[i]!;
      presentBytes += Math.max(0, Math.min(this.sizes[i]!, fileBytes - this.offsets[i]!));
    }
    return { claimedBytes, presentBytes };
  }

  private reorder(order: Uint32Array | undefined): void {
    if (order) reorder([this.addresses, this.sizes, this.offsets, this.numbers], order);
  }
}
