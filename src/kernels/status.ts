/** What a kernel's negative result means; the same table stands in `assembly/status.ts`. */
export const STATUS = {
  NO_ROOM: -1,
  TRUNCATED: -2,
  OVERRUN: -3,
  BAD_TOKEN: -4,
  SHORT: -5,
  TRAILING: -6,
} as const;

const TEXT = new Map<number, string>([
  [STATUS.NO_ROOM, 'does not fit the room given'],
  [STATUS.TRUNCATED, 'ends in the middle of a token'],
  [STATUS.OVERRUN, 'would write past the end of the page'],
  [STATUS.BAD_TOKEN, 'holds a token that no encoder writes'],
  [STATUS.SHORT, 'ends before the page is full'],
  [STATUS.TRAILING, 'goes on after the page is full'],
]);

/** Says a status in words, for an error message. */
export function statusText(status: number): string {
  return TEXT.get(status) ?? `failed with status ${status}`;
}
