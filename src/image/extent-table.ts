import { doubled } from './doubled.js';
import { SpanTable } from './span-table.js';

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
export class ExtentTable extends SpanTable {
  private offsets = new Float64Array(this.positions.length);

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
    // First: a column that grows is another array.
    const added = this.begin(position);
    this.offsets[added] = offset;
  }

  /** Offset in the file; undefined if the extent is zero. */
  offset(i: number): number | undefined {
    const offset = this.offsets[i]!;
    return offset === NOWHERE ? undefined : offset;
  }

  /** Offset that bytes at `position` have if they belong to extent `i`. */
  private expectedOffset(i: number, position: number): number {
    const offset = this.offsets[i]!;
    return offset === NOWHERE ? NOWHERE : offset + position - this.positions[i]!;
  }

  protected override growColumns(): void {
    this.offsets = doubled(this.offsets);
  }
}
