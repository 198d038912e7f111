// Layout of the job that packs pages into frames: its words, those of its lists, and the memory it needs.
import { MAX_FRAME_SLOTS, MAX_FRAME_TABLE_BYTES } from './format.js';

/** Words of the job, from the first word of a job's arguments on. */
export const PACK_PAGES = {
  /** Address and number of the pages, which follow each other, and their size. */
  PAGES: 4,
  PAGE_COUNT: 5,
  PAGE_BYTES: 6,
  /** Address of PAGE_WORDS words a page. */
  ENTRIES: 7,
  /** Address and number of BASE_WORDS words for each frame that has base pages. */
  BASES: 8,
  BASE_COUNT: 9,
  /** Address of space for deltas: `deltaCapacity` bytes. */
  DELTAS: 10,
  /** Address of space for one content, of FRAME_BYTES and the slack of a slot. */
  CONTENT: 11,
  /** Address of the payloads, which the job writes: `payloadCapacity` bytes. */
  OUTPUT: 12,
  /** Most bytes of a frame's content, and the level of zstd. */
  FRAME_BYTES: 13,
  LEVEL: 14,
  /** Address of FRAME_WORDS words a frame, which the job writes, and their number. */
  FRAMES: 15,
  FRAME_COUNT: 16,
  /** Result: frames of base pages that could not be unpacked. */
  BAD_BASES: 17,
  /** Address of LINK_WORDS words a link. */
  LINKS: 18,
} as const;

/**
 * Words of a page, all of them results: number of its frame in the job and its slot there; the address of its
 * delta, or 0, and its bytes; id of the frame of its base page, and the slot there.
 */
export const PAGE = { FRAME: 0, SLOT: 1, DELTA: 2, BYTES: 3, BASE: 4, BASE_SLOT: 5 } as const;
export const PAGE_WORDS = 8;

/** Words of a link: a page that may be coded against a slot of a base frame, and the frame's next link. */
export const LINK = { PAGE: 0, SLOT: 1, NEXT: 2 } as const;
export const LINK_WORDS = 4;
/** Base pages that a page is tried against: the smallest delta is used. */
export const MAX_PAGE_BASES = 2;
/** No link. */
export const NONE = 0xffffffff;

/** Words of a frame with base pages: its id, payload and shape, and its first link. */
export const BASE = {
  ID: 0,
  ADDRESS: 1,
  BYTES: 2,
  SLOT_COUNT: 3,
  TABLE_BYTES: 4,
  CONTENT_BYTES: 5,
  PACKING: 6,
  FIRST_LINK: 7,
} as const;
export const BASE_WORDS = 8;

/** Words of a packed frame. */
export const FRAME = {
  ADDRESS: 0,
  BYTES: 1,
  SLOT_COUNT: 2,
  TABLE_BYTES: 3,
  CONTENT_BYTES: 4,
  PACKING: 5,
} as const;
export const FRAME_WORDS = 6;

/** A delta is used up to this share of a page: a longer one saves little, and needs a second frame. */
const MAX_DELTA_SHARE = 0.5;

/** Return the bytes that the deltas of `pages` pages may take, and one that is not kept, and a page. */
export function deltaCapacity(pages: number, pageBytes: number): number {
  return (pages + 1) * maxDeltaBytes(pageBytes) + pageBytes;
}

/** Return the most frames that `pages` pages are packed into. */
export function frameCapacity(pages: number, pageBytes: number, frameBytes: number): number {
  const plain = Math.ceil(pages / plainSlots(pageBytes, frameBytes));
  // Of deltas, two frames have more than FRAME_BYTES together.
  return plain + 2 * Math.ceil(deltaCapacity(pages, pageBytes) / frameBytes) + 2;
}

/** Return the bytes that the payloads of `pages` pages may take. */
export function payloadCapacity(pages: number, pageBytes: number, frameBytes: number): number {
  return pages * pageBytes + frameCapacity(pages, pageBytes, frameBytes) * (MAX_FRAME_TABLE_BYTES + 64);
}

/** Return the most bytes of a page's delta. */
export function maxDeltaBytes(pageBytes: number): number {
  return pageBytes * MAX_DELTA_SHARE;
}

/** Return the most pages of a frame of plain pages. */
export function plainSlots(pageBytes: number, frameBytes: number): number {
  return Math.min(MAX_FRAME_SLOTS, Math.max(1, Math.floor(frameBytes / pageBytes)));
}
