import { RangeTable } from './container/range-table.js';
import { doubled } from './doubled.js';
import type { ImageDetails } from './image-details.js';

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
   * The same ranges by ascending address. Of those with one address the first is first, or the largest with
   * `largestFirst`.
   */
  byAddress({ largestFirst = false } = {}): StoredRanges {
    const { addresses, sizes } = this;
    return this.sorted((a, b) => {
      const [first, second] = [addresses[a]!, addresses[b]!];
      if (first !== second) return first < second ? -1 : 1;
      return largestFirst ? sizes[b]! - sizes[a]! : 0;
    });
  }

  /** The same ranges by ascending offset in the file. */
  byOffset(): StoredRanges {
    const { offsets } = this;
    return this.sorted((a, b) => offsets[a]! - offsets[b]!);
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

  /** Sort by a comparison of two indexes; ranges that are in order are not copied. */
  private sorted(compare: (a: number, b: number) => number): StoredRanges {
    let isSorted = true;
    for (let i = 1; i < this.length && isSorted; i++) isSorted = compare(i - 1, i) <= 0;
    if (isSorted) return this;
    const order = new Uint32Array(this.length);
    for (let i = 0; i < order.length; i++) order[i] = i;
    order.sort((a, b) => compare(a, b) || a - b);
    const sorted = new StoredRanges(this.length);
    for (const i of order) sorted.addFrom(this, i);
    return sorted;
  }
}
