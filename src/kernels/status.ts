/** Statuses: the negative results of kernels. `assembly/status.ts` has the same table. */
export const STATUS = {
  /** The output takes more than the capacity given, or the codec cannot code a page of this size. */
  OUTPUT_FULL: -1,
  /** The input ends in the middle of a token. */
  TRUNCATED: -2,
  /** The input would write past the end of the page. */
  OVERRUN: -3,
  /** The input has a token that no encoder writes. */
  BAD_TOKEN: -4,
  /** The input ends before the page is full. */
  SHORT: -5,
  /** The page is full and input remains. */
  TRAILING: -6,
  /** The input does not start as the format demands: another magic number, or a reserved bit is set. */
  BAD_HEADER: -7,
  /** The input needs more memory than the caller allows: its window is larger than the limit. */
  WINDOW_LIMIT: -8,
  /** The input needs a dictionary. */
  DICTIONARY: -9,
  /** The content does not have the checksum that the input states. */
  BAD_CHECKSUM: -10,
} as const;

const TEXT = new Map<number, string>([
  [STATUS.OUTPUT_FULL, 'takes more than the output capacity'],
  [STATUS.TRUNCATED, 'ends in the middle of a token'],
  [STATUS.OVERRUN, 'would write past the end of the page'],
  [STATUS.BAD_TOKEN, 'has a token that no encoder writes'],
  [STATUS.SHORT, 'ends before the page is full'],
  [STATUS.TRAILING, 'continues after the page is full'],
  [STATUS.BAD_HEADER, 'does not start with a header of its format'],
  [STATUS.WINDOW_LIMIT, 'needs a larger window than the limit'],
  [STATUS.DICTIONARY, 'needs a dictionary'],
  [STATUS.BAD_CHECKSUM, 'does not match its checksum'],
]);

/** Return a status as the end of a sentence for an error message: `page 17 ends in the middle of a token`. */
export function statusText(status: number): string {
  return TEXT.get(status) ?? `failed with status ${status}`;
}
