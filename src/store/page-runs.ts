import { lastAtOrBelow } from '../page/search.js';
import { SLOT_LIMIT, ZERO_FRAME } from './limits.js';

const FIRST_CAPACITY = 1024;

/**
 * Runs of pages, in order: zero pages, or pages in consecutive slots of one frame. Takes memory for runs, not
 * for pages.
 */
export class PageRuns {
  /** Pages of all runs. */
  pages = 0;
  /** Number of runs. */
  count = 0;
  /** First page of each run. */
  starts = new Float64Array(FIRST_CAPACITY);
  /** Frame id of each run, or ZERO_FRAME. */
  frames = new Uint32Array(FIRST_CAPACITY);
  /** First slot of each run. */
  slots = new Uint8Array(FIRST_CAPACITY);

  /** Append pages; they join the last run where they follow it. */
  append(frame: number, slot: number, pages: number): void {
    const last = this.count - 1;
    const length = last < 0 ? 0 : this.pages - this.starts[last]!;
    const follows =
      last >= 0 &&
      this.frames[last] === frame &&
      (frame === ZERO_FRAME || (this.slots[last]! + length === slot && slot < SLOT_LIMIT));
    if (!follows) this.start(frame, slot);
    this.pages += pages;
  }

  /** Return the number of the run that has `page`, which is below `pages`. */
  find(page: number): number {
    return lastAtOrBelow(this.starts, page, this.count);
  }

  /** Return the slot of `page`, which is in the run `run`. */
  slotOf(run: number, page: number): number {
    return this.slots[run]! + page - this.starts[run]!;
  }

  /** Return the page after the last one of a run. */
  end(run: number): number {
    return run + 1 < this.count ? this.starts[run + 1]! : this.pages;
  }

  /** Return the ids of all frames that have pages, in ascending order, each once. */
  frameIds(): Uint32Array {
    const sorted = this.frames.slice(0, this.count).sort();
    let used = 0;
    for (const id of sorted)
      if (id !== ZERO_FRAME && (used === 0 || sorted[used - 1] !== id)) sorted[used++] = id;
    return sorted.slice(0, used);
  }

  private start(frame: number, slot: number): void {
    if (this.count === this.starts.length) this.grow();
    this.starts[this.count] = this.pages;
    this.frames[this.count] = frame;
    this.slots[this.count++] = slot;
  }

  private grow(): void {
    const { starts, frames, slots } = this;
    this.starts = new Float64Array(2 * starts.length);
    this.frames = new Uint32Array(2 * starts.length);
    this.slots = new Uint8Array(2 * starts.length);
    this.starts.set(starts);
    this.frames.set(frames);
    this.slots.set(slots);
  }
}
