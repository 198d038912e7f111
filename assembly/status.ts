// Statuses: what a kernel returns instead of a number of bytes. src/kernels/status.ts has the same table.

/** The output takes more than the capacity given, or the codec cannot code a page of this size. */
export const OUTPUT_FULL: i32 = -1;
/** The input ends in the middle of a token. */
export const TRUNCATED: i32 = -2;
/** The input would write past the end of the page. */
export const OVERRUN: i32 = -3;
/**
 * The input has a token that no encoder writes: a reserved code, a run of length zero, an offset before the
 * start.
 */
export const BAD_TOKEN: i32 = -4;
/** The input ends before the page is full. */
export const SHORT: i32 = -5;
/** The page is full and input remains. */
export const TRAILING: i32 = -6;
