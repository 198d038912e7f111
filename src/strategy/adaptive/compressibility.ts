// How the cost of packing a group depends on how well its pages compress. The same for all packings: median
// times and sizes of LZ4 and zstd 1 to 12 follow these lines, of groups of seven guests (testing/machine/).
import type { GroupView } from '../strategy.js';

/** Assumed estimate of coded groups, which have none; they pack to about half. */
export const CODED_RATIO = 0.6;

/** Points of a line: estimated ratio, value. */
type Line = readonly (readonly [ratio: number, value: number])[];

/** Time grows with the bytes that are left; incompressible blocks are noticed early. */
const TIME: Line = [
  [0.07, 0.25],
  [0.82, 2.75],
  [0.9, 0.8],
  [1, 0.35],
];
/** What compresses well has the more to gain from a stronger packing. */
const SAVING: Line = [
  [0.45, 1.3],
  [0.97, 0],
];

/** Return the estimated packed bytes of a group as a ratio of its bytes. */
export function estimatedRatio({ kind, bytes, estimatedBytes }: GroupView): number {
  return kind === 'coded' ? CODED_RATIO : estimatedBytes / bytes;
}

/** Return the packing time of a group as a multiple of that of a group with a ratio of 0.3. */
export function timeFactor(ratio: number): number {
  return at(TIME, ratio);
}

/**
 * Return the exponent of a packing's ratio: what it saves of a group, compared to a group with a ratio of
 * 0.57. 0: it saves nothing.
 */
export function savingExponent(ratio: number): number {
  return at(SAVING, ratio);
}

function at(line: Line, ratio: number): number {
  let [left, low] = line[0]!;
  if (ratio <= left) return low;
  for (const [right, high] of line) {
    if (ratio <= right) return low + ((high - low) * (ratio - left)) / (right - left);
    left = right;
    low = high;
  }
  return low;
}
