import { lastAtOrBelow } from '../page/search.js';
import { doubled } from './doubled.js';

const FIRST_CAPACITY = 64;

/** Spans of an image in its order, without gaps. What each is, a subclass has in columns of its own. */
export abstract class SpanTable {
  length = 0;
  /** Bytes of all spans: the size of the image. */
  bytes = 0;
  protected positions: Float64Array;

  /** `capacity`: number of spans, if it is known. */
  constructor(capacity = FIRST_CAPACITY) {
    this.positions = new Float64Array(Math.max(1, capacity));
  }

  /** Position in the image. */
  position(i: number): number {
    return this.positions[i]!;
  }

  /** Position after span `i`. */
  end(i: number): number {
    return i + 1 < this.length ? this.positions[i + 1]! : this.bytes;
  }

  /** Index of the last span that begins at or before `position`. */
  indexAt(position: number): number {
    return lastAtOrBelow(this.positions, position, this.length);
  }

  /** Begin a span; return its index. */
  protected begin(position: number): number {
    if (this.length === this.positions.length) {
      this.positions = doubled(this.positions);
      this.growColumns();
    }
    this.positions[this.length] = position;
    return this.length++;
  }

  /** Double the other columns. */
  protected abstract growColumns(): void;
}
