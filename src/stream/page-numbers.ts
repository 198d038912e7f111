// PAGE_NUMBERS: the numbers of the next frame's pages, in the order of the frame.
//
//   page numbers = { gap count | pages count }
//
// A run of `pages` (at least 1) consecutive pages starts `gap` pages after the end of the previous run (the
// first run: after page 0). The gap is a zigzag number: 2 x gap if it is not negative, else 2 x -gap - 1.

import type { WireReader, WireWriter } from './wire.js';

/** Write the numbers of a frame's pages. */
export function writePageNumbers(to: WireWriter, pages: ArrayLike<number>): void {
  let expected = 0;
  for (let i = 0; i < pages.length; ) {
    const first = pages[i]!;
    let run = 1;
    while (i + run < pages.length && pages[i + run] === first + run) run++;
    const gap = first - expected;
    to.count(gap >= 0 ? 2 * gap : -2 * gap - 1);
    to.count(run);
    expected = first + run;
    i += run;
  }
}

/**
 * Read page numbers into `pages` and return their count.
 * @throws PageferryError `bad-stream` for a number that is not below `pageCount`, or more numbers than
 * `pages` has elements
 */
export function readPageNumbers(from: WireReader, pages: Float64Array, pageCount: number): number {
  let expected = 0;
  let count = 0;
  while (from.left > 0) {
    const zigzag = from.count();
    const run = from.count();
    const half = Math.floor(zigzag / 2);
    const first = expected + (zigzag % 2 === 0 ? half : -half - 1);
    if (run < 1 || run > pages.length - count)
      throw from.bad(`a run of ${run} pages where ${pages.length - count} fit`);
    if (first < 0 || first + run > pageCount)
      throw from.bad(`pages ${first} … ${first + run - 1} of ${pageCount}`);
    for (let i = 0; i < run; i++) pages[count++] = first + i;
    expected = first + run;
  }
  return count;
}
