import { lastAtOrBelow } from '../page/search.js';
import { doubled } from './doubled.js';

const FIRST_CAPACITY = 64;
/** Offset of an extent that is in no file. */
const NOWHERE = -1;

/** A range of an image: stored in the file at `offset`, or all zero and not stored if it has no offset. */
export interface Extent {
  /** Position in the image. */
  readonly position: number;
  readonly bytes: number;
  readonly offset?: number;
}

/**
 * Extents in the order of the image, without gaps: 16 bytes each, since a file can have millions. Neighbours
 * that are neighbours in the file too are one extent.
 */
export class ExtentTable {
  length = 0;
  /** Bytes of all extents: the size of the image. */
  bytes = 0;
  private positions = new Float64Array(FIRST_CAPACITY);
  private offsets = new Float64Array(FIRST_CAPACITY);

  /** Return a table of extents that follow each other from position 0 on, or the same one. */
  static of(extents: ExtentTable | readonly Extent[]): ExtentTable {
    if (extents instanceof ExtentTable) return extents;
    const table = new ExtentTable();
    for (const { bytes, offset } of extents) table.add(bytes, offset);
    return table;
  }

  /** Add an extent after the last one. */
  add(bytes: number, offset: number = NOWHERE): void {
    const position = this.bytes;
    this.bytes += bytes;
    const last = this.length - 1;
    if (last >= 0 && this.expectedOffset(last, position) === offset) return;
    if (this.length === this.positions.length) {
      this.positions = doubled(this.positions);
      this.offsets = doubled(this.offsets);
    }
    this.positions[this.length] = position;
    this.offsets[this.length++] = offset;
  }

  position(i: number): number {
    return this.positions[i]!;
  }

  /** Position after extent `i`. */
  end(i: number): number {
    return i + 1 < this.length ? this.positions[i + 1]! : this.bytes;
  }

  /** Offset in the file; undefined if the extent is zero. */
  offset(i: number): number | undefined {
    const offset = this.offsets[i]!;
    return offset === NOWHERE ? undefined : offset;
  }

  /** Index of the last extent that begins at or before `position`. */
  indexAt(position: number): number {
    return lastAtOrBelow(this.positions, position, this.length);
  }

  /** Offset that bytes at `position` have if they belong to extent `i`. */
  private expectedOffset(i: number, position: number): number {
    const offset = this.offsets[i]!;
    return offset === NOWHERE ? NOWHERE : offset + position - this.positions[i]!;
  }
}
