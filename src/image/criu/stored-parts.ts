import { PageferryError } from '../../page/error.js';
import { lastAtOrBelow } from '../../page/search.js';
import { doubled } from '../doubled.js';
import { SpanTable } from '../span-table.js';

/** Each takes some 100 bytes of memory while it is packed. */
const MAX_PARTS = 1 << 20;

/** A file of pages. */
export interface PagesFile {
  readonly path: string;
  /** Whether it is in the directory itself, not in a parent. */
  readonly isOwn: boolean;
}

/**
 * Memory at consecutive addresses, each part stored in a pages file, in the order of the image: typed arrays,
 * since a dump can have millions. Neighbours that are neighbours in their file too are one part.
 */
export class StoredParts extends SpanTable {
  readonly files: PagesFile[] = [];
  private readonly numbers = new Map<string, number>();
  /** Multiples of 4096 below 2^64, which numbers hold exactly. */
  private addresses = new Float64Array(this.positions.length);
  private offsets = new Float64Array(this.positions.length);
  private fileNumbers = new Uint32Array(this.positions.length);

  /** `name`: path for messages. */
  constructor(private readonly name: string) {
    super();
  }

  /** Number of a pages file for `add`. */
  fileNumber(path: string, isOwn: boolean): number {
    const found = this.numbers.get(path);
    if (found !== undefined) return found;
    this.numbers.set(path, this.files.length);
    return this.files.push({ path, isOwn }) - 1;
  }

  /** Add memory; `isNew`: it does not continue the part before. @throws PageferryError `limit` */
  add(address: number, bytes: number, file: number, offset: number, isNew: boolean): void {
    const position = this.bytes;
    this.bytes += bytes;
    const i = this.length - 1;
    const distance = i < 0 ? 0 : position - this.positions[i]!;
    const continues =
      !isNew &&
      i >= 0 &&
      this.fileNumbers[i] === file &&
      this.offsets[i]! + distance === offset &&
      this.addresses[i]! + distance === address;
    if (continues) return;
    if (this.length === MAX_PARTS)
      throw new PageferryError('limit', `${this.name}: more than ${MAX_PARTS} ranges of pages`);
    const added = this.begin(position);
    this.addresses[added] = address;
    this.offsets[added] = offset;
    this.fileNumbers[added] = file;
  }

  address(i: number): number {
    return this.addresses[i]!;
  }

  offset(i: number): number {
    return this.offsets[i]!;
  }

  fileOf(i: number): number {
    return this.fileNumbers[i]!;
  }

  isOwn(i: number): boolean {
    return this.files[this.fileNumbers[i]!]!.isOwn;
  }

  /** Index, from `first` to before `end`, of the last part at or below an address; `first` if none is. */
  indexAtAddress(address: number, first: number, end: number): number {
    return lastAtOrBelow(this.addresses, address, end, first);
  }

  protected override growColumns(): void {
    this.addresses = doubled(this.addresses);
    this.offsets = doubled(this.offsets);
    this.fileNumbers = doubled(this.fileNumbers);
  }
}
