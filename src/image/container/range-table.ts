import { doubled } from '../doubled.js';

const FIRST_CAPACITY = 64;
/** Addresses have 64 bits, which a number holds exactly only in two parts. */
const HALF = 32n;

/** Consecutive addresses of memory. */
export interface MemoryRange {
  readonly address: bigint;
  readonly bytes: number;
}

/** Ranges in an image's order: an array, or a {@link RangeTable} if they can be millions. */
export interface MemoryRanges extends Iterable<MemoryRange> {
  readonly length: number;
}

/** Ranges of memory in 16 bytes each. */
export class RangeTable implements MemoryRanges {
  length = 0;
  private low = new Uint32Array(FIRST_CAPACITY);
  private high = new Uint32Array(FIRST_CAPACITY);
  private sizes = new Float64Array(FIRST_CAPACITY);

  add(address: bigint, bytes: number): void {
    if (this.length === this.sizes.length) {
      this.low = doubled(this.low);
      this.high = doubled(this.high);
      this.sizes = doubled(this.sizes);
    }
    this.low[this.length] = Number(BigInt.asUintN(32, address));
    this.high[this.length] = Number(address >> HALF);
    this.sizes[this.length++] = bytes;
  }

  /** Add a range, or extend the last one if it ends at the address. */
  append(address: bigint, bytes: number): void {
    const last = this.length - 1;
    if (last >= 0 && this.address(last) + BigInt(this.sizes[last]!) === address) this.sizes[last]! += bytes;
    else this.add(address, bytes);
  }

  *[Symbol.iterator](): Iterator<MemoryRange> {
    for (let i = 0; i < this.length; i++) yield { address: this.address(i), bytes: this.sizes[i]! };
  }

  private address(i: number): bigint {
    return (BigInt(this.high[i]!) << HALF) | BigInt(this.low[i]!);
  }
}

/** Bytes of all ranges. */
export function rangesBytes(ranges: Iterable<MemoryRange>): number {
  let sum = 0;
  for (const { bytes } of ranges) sum += bytes;
  return sum;
}
