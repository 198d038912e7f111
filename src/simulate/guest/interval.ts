import type { Access } from '../guest.js';
import { hashOf } from '../random.js';

/** Pages that are read for each that is written, close to it: what post-copy may have to wait for. A guess. */
const READS_A_WRITE = 3;
const NEAR_PAGES = 64;

/** Which stretch of a guest's time it is, and what is known of it: only which pages it changed. */
export interface IntervalSettings {
  readonly seed: number;
  /** Counted from 0; with the seed, it says when each page is written. */
  readonly number: number;
  readonly ms: number;
  /** Pages that are different at its end. */
  readonly changed: ArrayLike<number>;
  /** Pages of the guest. */
  readonly pages: number;
}

interface Write {
  readonly page: number;
  readonly atMs: number;
}

/**
 * A stretch of a guest's time of which only the outcome is known, played: every page that it changed is written once, at a time that
 * the seed gives; before each write come reads close by.
 */
export class Interval {
  private readonly writes: readonly Write[];
  private next = 0;
  private readsDone = 0;

  constructor(private readonly settings: IntervalSettings) {
    const { seed, number, ms, changed } = settings;
    const beginsMs = number * ms;
    this.writes = Array.from(changed, (page) => ({
      page,
      atMs: beginsMs + (hashOf(hashOf(seed, number), page) / 2 ** 32) * ms,
    })).sort((a, b) => a.atMs - b.atMs || a.page - b.page);
  }

  /**
   * Plays up to `toMs`; `written` hears of each write that was done. Returns `toMs`, or the time of the access that could not be done,
   * which comes first the next time; undefined when no writes are left.
   */
  run(toMs: number, access: Access, written: (page: number) => void): number | undefined {
    for (;;) {
      const write = this.writes[this.next];
      if (!write) return undefined;
      if (write.atMs >= toMs) return toMs;
      for (; this.readsDone < READS_A_WRITE; this.readsDone++)
        if (!access(this.near(write.page), false)) return write.atMs;
      if (!access(write.page, true)) return write.atMs;
      written(write.page);
      this.readsDone = 0;
      this.next++;
    }
  }

  private near(page: number): number {
    const { seed, number, pages } = this.settings;
    const place = hashOf(hashOf(seed, page), number * READS_A_WRITE + this.readsDone);
    return Math.min(pages - 1, Math.max(0, page - NEAR_PAGES / 2 + (place % NEAR_PAGES)));
  }
}

/** Adds the pages of two stretches of memory that differ to `to`; `first` is the number of the stretches' first page. */
export function addDiffering(
  to: number[],
  a: Uint8Array,
  b: Uint8Array,
  pageBytes: number,
  first: number,
): void {
  if (Buffer.compare(a, b) === 0) return;
  for (let at = 0; at < a.length; at += pageBytes)
    if (Buffer.compare(a.subarray(at, at + pageBytes), b.subarray(at, at + pageBytes)) !== 0)
      to.push(first + at / pageBytes);
}
