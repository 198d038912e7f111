import type { Access } from '../guest.js';
import { hashOf } from '../random.js';

/** Assumed reads of nearby pages before each write, for which post-copy waits. Not measured. */
const READS_PER_WRITE = 3;
const NEAR_PAGES = 64;

/** An interval of guest time, of which only the changed pages are known. */
export interface IntervalSettings {
  readonly seed: number;
  /** Number of the interval, from 0; with the seed it determines the time of every write. */
  readonly number: number;
  readonly ms: number;
  /** Pages that differ at its end. */
  readonly changed: ArrayLike<number>;
  /** Pages of the guest. */
  readonly pages: number;
}

interface Write {
  readonly page: number;
  readonly atMs: number;
}

/**
 * Replays an interval of which only the changed pages are known: each is written once, at a time given by the
 * seed, after reads of nearby pages.
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
   * Replay up to `toMs` and call `onWrite` for each write. Return `toMs`, or the time of an access that was
   * refused; the next call starts with it. Undefined when there are no more writes.
   */
  run(toMs: number, access: Access, onWrite: (page: number) => void): number | undefined {
    for (;;) {
      const write = this.writes[this.next];
      if (!write) return undefined;
      if (write.atMs >= toMs) return toMs;
      for (; this.readsDone < READS_PER_WRITE; this.readsDone++)
        if (!access(this.near(write.page), false)) return write.atMs;
      if (!access(write.page, true)) return write.atMs;
      onWrite(write.page);
      this.readsDone = 0;
      this.next++;
    }
  }

  private near(page: number): number {
    const { seed, number, pages } = this.settings;
    const hash = hashOf(hashOf(seed, page), number * READS_PER_WRITE + this.readsDone);
    return Math.min(pages - 1, Math.max(0, page - NEAR_PAGES / 2 + (hash % NEAR_PAGES)));
  }
}

/**
 * Append the numbers of the pages that differ between two buffers to `to`; `first` is the number of the first
 * page.
 */
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
