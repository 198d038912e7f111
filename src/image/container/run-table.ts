import { lastAtOrBelow } from '../../page/search.js';
import { doubled } from '../doubled.js';
import { reorder, sortedOrder } from '../sorted-order.js';

const FIRST_CAPACITY = 64;

/** Bytes of a file that hold memory. */
export interface ContainerRun {
  readonly offset: number;
  readonly bytes: number;
  /** Their position in the image. */
  readonly position: number;
}

/**
 * Runs of a container, in the order in which they were added: 24 bytes each, since a file can have
 * millions.
 */
export class RunTable implements Iterable<ContainerRun> {
  length = 0;
  private offsets: Float64Array;
  private sizes: Float64Array;
  private positions: Float64Array;

  /** `capacity`: number of runs, if it is known. */
  constructor(capacity = FIRST_CAPACITY) {
    const length = Math.max(1, capacity);
    this.offsets = new Float64Array(length);
    this.sizes = new Float64Array(length);
    this.positions = new Float64Array(length);
  }

  /** Return a table of the runs, or the same one. */
  static of(runs: Iterable<ContainerRun>): RunTable {
    if (runs instanceof RunTable) return runs;
    const table = new RunTable();
    for (const { offset, bytes, position } of runs) table.add(offset, bytes, position);
    return table;
  }

  add(offset: number, bytes: number, position: number): void {
    if (this.length === this.offsets.length) {
      this.offsets = doubled(this.offsets);
      this.sizes = doubled(this.sizes);
      this.positions = doubled(this.positions);
    }
    this.offsets[this.length] = offset;
    this.sizes[this.length] = bytes;
    this.positions[this.length++] = position;
  }

  /** Add a run, or extend the last one if it continues there in the file and in the image. */
  append(offset: number, bytes: number, position: number): void {
    const last = this.length - 1;
    const follows =
      last >= 0 &&
      this.offsets[last]! + this.sizes[last]! === offset &&
      this.positions[last]! + this.sizes[last]! === position;
    if (follows) this.sizes[last]! += bytes;
    else this.add(offset, bytes, position);
  }

  offset(i: number): number {
    return this.offsets[i]!;
  }

  bytes(i: number): number {
    return this.sizes[i]!;
  }

  position(i: number): number {
    return this.positions[i]!;
  }

  *[Symbol.iterator](): Iterator<ContainerRun> {
    for (let i = 0; i < this.length; i++)
      yield { offset: this.offset(i), bytes: this.bytes(i), position: this.position(i) };
  }

  /** The same runs by ascending place in the file, or in the image. */
  sortedBy(key: 'offset' | 'position'): RunTable {
    const order = this.orderBy(key);
    if (!order) return this;
    const sorted = new RunTable(this.length);
    for (const i of order) sorted.add(this.offset(i), this.bytes(i), this.position(i));
    return sorted;
  }

  /** Indexes by ascending place in the file, or in the image; undefined if the runs are in that order. */
  orderBy(key: 'offset' | 'position'): Uint32Array | undefined {
    const keys = key === 'offset' ? this.offsets : this.positions;
    return sortedOrder(this.length, (a, b) => keys[a]! - keys[b]!);
  }

  /** Sort by ascending place in the file. */
  sortByOffset(): void {
    const order = this.orderBy('offset');
    if (order) reorder([this.offsets, this.sizes, this.positions], order);
  }

  /**
   * Index of the last run that begins at or before a position of the image, or 0. The table is sorted by
   * position.
   */
  lastAt(position: number): number {
    return lastAtOrBelow(this.positions, position, this.length);
  }
}
