// What a kernel returns when it does not return a count of bytes. The same table stands in src/kernels/status.ts.

/** The output does not fit the room given, or the codec cannot code a page of this size. */
export const NO_ROOM: i32 = -1;
/** The input ends in the middle of a token. */
export const TRUNCATED: i32 = -2;
/** The input would write past the end of the page. */
export const OVERRUN: i32 = -3;
/** A token that no encoder writes: a reserved code, a zero run length, an offset before the start. */
export const BAD_TOKEN: i32 = -4;
/** The input ends before the page is full. */
export const SHORT: i32 = -5;
/** The page is full and input is left over. */
export const TRAILING: i32 = -6;
