import { doubled } from '../doubled.js';

const FIRST_CAPACITY = 16;

/** A segment that has bytes. */
export interface Load {
  /** Offset of its bytes in the file. */
  readonly offset: bigint;
  readonly vaddr: bigint;
  readonly paddr: bigint;
  /** Bytes in the file; the rest of `memsz` is zero. */
  readonly filesz: bigint;
  readonly memsz: bigint;
  /** Number of its program header, for messages. */
  readonly index: number;
}

/**
 * Segments in the order of their program headers: 44 bytes each, since a core can have a million. Iterating
 * creates their objects one after the other.
 */
export class LoadTable implements Iterable<Load> {
  length = 0;
  private offsets = new BigUint64Array(FIRST_CAPACITY);
  private vaddrs = new BigUint64Array(FIRST_CAPACITY);
  private paddrs = new BigUint64Array(FIRST_CAPACITY);
  private fileSizes = new BigUint64Array(FIRST_CAPACITY);
  private memorySizes = new BigUint64Array(FIRST_CAPACITY);
  private indexes = new Uint32Array(FIRST_CAPACITY);

  add({ offset, vaddr, paddr, filesz, memsz, index }: Load): void {
    if (this.length === this.indexes.length) this.grow();
    const i = this.length++;
    this.offsets[i] = offset;
    this.vaddrs[i] = vaddr;
    this.paddrs[i] = paddr;
    this.fileSizes[i] = filesz;
    this.memorySizes[i] = memsz;
    this.indexes[i] = index;
  }

  *[Symbol.iterator](): Iterator<Load> {
    for (let i = 0; i < this.length; i++)
      yield {
        offset: this.offsets[i]!,
        vaddr: this.vaddrs[i]!,
        paddr: this.paddrs[i]!,
        filesz: this.fileSizes[i]!,
        memsz: this.memorySizes[i]!,
        index: this.indexes[i]!,
      };
  }

  private grow(): void {
    this.offsets = doubled(this.offsets);
    this.vaddrs = doubled(this.vaddrs);
    this.paddrs = doubled(this.paddrs);
    this.fileSizes = doubled(this.fileSizes);
    this.memorySizes = doubled(this.memorySizes);
    this.indexes = doubled(this.indexes);
  }
}
