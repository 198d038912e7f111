// The pages that a repacking moves, and their new positions.
import { badArgument } from '../../page/error.js';
import { SLOT_LIMIT, ZERO_FRAME } from '../limits.js';
import { PageRuns } from '../page-runs.js';
import type { NewPages } from '../put/new-pages.js';
import type { SnapshotImage } from '../read/snapshot.js';
import { TRACE_PAGE_BYTES, type Trace } from '../trace.js';

/** Most times that a trace may name a page: several, where it was joined from several recordings. */
const MAX_REPEATS = 16;

/** The pages of a snapshot that a trace names. */
export interface TracedPages {
  /** Page numbers in the order of the trace, without zero pages; one page of each slot. */
  readonly pages: readonly number[];
  /** Index in `pages` by the frame and slot of the page (`placeKey`). */
  readonly numbers: ReadonlyMap<number, number>;
}

/** Find the pages of a trace. @throws PageferryError `bad-argument` if it is not of this snapshot */
export async function tracedPages(
  image: SnapshotImage,
  trace: Trace,
  pageBytes: number,
  yieldIfDue: () => Promise<void> | undefined,
): Promise<TracedPages> {
  const runs = runsOf(image, trace);
  const pages: number[] = [];
  const numbers = new Map<number, number>();
  for (const { first, count } of runs) {
    const end = Math.ceil(((first + count) * TRACE_PAGE_BYTES) / pageBytes);
    for (let page = Math.floor((first * TRACE_PAGE_BYTES) / pageBytes); page < end; page++) {
      const { frame, slot } = image.place(page);
      const place = placeKey(frame, slot);
      if (frame === ZERO_FRAME || numbers.has(place)) continue;
      numbers.set(place, pages.length);
      pages.push(page);
    }
    await yieldIfDue();
  }
  return { pages, numbers };
}

/** Return the runs of the trace that are of the image. @throws PageferryError `bad-argument` */
function runsOf(image: SnapshotImage, { name, images, runs }: Trace) {
  const bad = (found: string) => badArgument(`${name}: ${found}`);
  const number = images.findIndex((one) => one.name === image.name);
  if (number < 0) {
    const others = images.map((one) => one.name).join(', ') || 'no image';
    throw bad(`a trace of ${others}, not of ${image.name}; record one with mount --record`);
  }
  const { bytes } = images[number]!;
  if (bytes > image.bytes)
    throw bad(`is of an image of ${bytes} bytes, the snapshot ${image.name} has ${image.bytes}`);
  const own = runs.filter((run) => run.image === number);
  const named = own.reduce((sum, { count }) => sum + count, 0);
  const limit = MAX_REPEATS * Math.ceil(image.bytes / TRACE_PAGE_BYTES);
  if (named > limit) throw bad(`names ${named} pages of ${image.name}, more than ${limit}`);
  return own;
}

/** Return the runs of a snapshot in which every page of `traced` is at its new place. */
export function movedRuns(runs: PageRuns, { numbers }: TracedPages, places: NewPages): PageRuns {
  const moved = new PageRuns();
  for (let run = 0; run < runs.count; run++) {
    const frame = runs.frames[run]!;
    const pages = runs.end(run) - runs.starts[run]!;
    if (frame === ZERO_FRAME) {
      moved.append(frame, 0, pages);
      continue;
    }
    for (let slot = runs.slots[run]!, end = slot + pages; slot < end; slot++) {
      const number = numbers.get(placeKey(frame, slot));
      if (number === undefined) moved.append(frame, slot, 1);
      else moved.append(places.frameOf(number), places.slotOf(number), 1);
    }
  }
  return moved;
}

function placeKey(frame: number, slot: number): number {
  return frame * (SLOT_LIMIT + 1) + slot;
}
