// How the time and the savings of packing a group depend on its compressibility. One line serves all
// packings: the medians of LZ4 and zstd 1 to 12 on groups of seven guests follow it (testing/machine/).
import type { GroupView } from '../strategy.js';

/** Assumed ratio of coded groups, for which no estimate is computed; they pack to about half. */
export const CODED_RATIO = 0.6;

/** Points of a piecewise linear function of the estimated ratio. */
type Line = readonly (readonly [ratio: number, value: number])[];

/** Relative packing time: it grows with the packed bytes, but packers skip incompressible blocks early. */
const TIME: Line = [
  [0.07, 0.25],
  [0.82, 2.75],
  [0.9, 0.8],
  [1, 0.35],
];
/** Exponent of a packing's ratio: the better a group compresses, the more a stronger packing saves. */
const SAVING: Line = [
  [0.45, 1.3],
  [0.97, 0],
];

/** Return the estimated packed bytes of a group as a ratio of its bytes. */
export function estimatedRatio({ kind, bytes, estimatedBytes }: GroupView): number {
  return kind === 'coded' ? CODED_RATIO : estimatedBytes / bytes;
}

/** Return the packing time of a group, relative to a group with a ratio of 0.3. */
export function timeFactor(ratio: number): number {
  return at(TIME, ratio);
}

/**
 * Return the exponent `x` by which a packing's ratio `r` applies to a group: it shrinks the estimated bytes
 * to `r ** x`. 1 at a group ratio of 0.57; 0: the packing saves nothing.
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
