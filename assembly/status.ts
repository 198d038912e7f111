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
/** The input does not start as the format demands: another magic number, or a reserved bit is set. */
export const BAD_HEADER: i32 = -7;
/** The input needs more memory than the caller allows: its window is larger than the limit. */
export const WINDOW_LIMIT: i32 = -8;
/** The input needs a dictionary. */
export const DICTIONARY: i32 = -9;
/** The content does not have the checksum that the input states. */
export const BAD_CHECKSUM: i32 = -10;
