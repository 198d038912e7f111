// Record of the job that packs pages into frames: its words, its lists of pages, links and frames, and the
// capacity of its buffers. `src/store/put/batch.ts` writes the arguments and reads the results;
// `pack-pages.ts` and `delta-coder.ts` run the job.
//
// A base frame is a stored frame with base pages. A link says that a page may be coded against a slot of a
// base frame; the links of a base frame are a linked list.
import { MAX_FRAME_SLOTS, MAX_FRAME_TABLE_BYTES } from './format.js';

/** Words of the job. */
export const PACK_PAGES = {
  /** Address of the pages, which are contiguous, their number, and their size. */
  PAGES: 4,
  PAGE_COUNT: 5,
  PAGE_BYTES: 6,
  /** Address of the results by page: PAGE_WORDS words each. */
  ENTRIES: 7,
  /** Address and number of the base frames: BASE_WORDS words each. */
  BASES: 8,
  BASE_COUNT: 9,
  /** Address of a buffer for deltas: `deltaCapacity` bytes. */
  DELTAS: 10,
  /** Address of a buffer for one frame's content: FRAME_BYTES and a page. */
  CONTENT: 11,
  /** Address of the output, the packed frames' payloads: `payloadCapacity` bytes. */
  OUTPUT: 12,
  /** Maximum bytes of a frame's content, and the level of zstd. */
  FRAME_BYTES: 13,
  LEVEL: 14,
  /** Results: address of the packed frames (FRAME_WORDS words each), and their number. */
  FRAMES: 15,
  FRAME_COUNT: 16,
  /** Result: number of base frames that could not be unpacked. */
  BAD_BASES: 17,
  /** Address of the links: LINK_WORDS words each. */
  LINKS: 18,
} as const;

/**
 * Words of a page's results: index of its packed frame and its slot there; address of its delta (0: none) and
 * the delta's bytes; id of the base frame and the slot of the base page.
 */
export const PAGE = { FRAME: 0, SLOT: 1, DELTA: 2, BYTES: 3, BASE: 4, BASE_SLOT: 5 } as const;
export const PAGE_WORDS = 8;

/** Words of a link: index of the page, slot of the base frame, and the base frame's next link or NONE. */
export const LINK = { PAGE: 0, SLOT: 1, NEXT: 2 } as const;
export const LINK_WORDS = 4;
/** Maximum number of base pages that a page is coded against. */
export const MAX_PAGE_BASES = 2;
/** No link. */
export const NONE = 0xffffffff;

/** Words of a base frame: its id, payload and shape, and its first link or NONE. */
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

/** Maximum delta, as a share of the page: a longer one saves little, and reading it takes a second frame. */
const MAX_DELTA_SHARE = 0.5;

/** Return the capacity of DELTAS in bytes: a delta for each page, one to try, and a page. */
export function deltaCapacity(pages: number, pageBytes: number): number {
  return (pages + 1) * maxDeltaBytes(pageBytes) + pageBytes;
}

/** Return the maximum number of frames that `pages` pages are packed into. */
export function frameCapacity(pages: number, pageBytes: number, frameBytes: number): number {
  const plain = Math.ceil(pages / plainSlots(pageBytes, frameBytes));
  // Any two consecutive frames of deltas have more than FRAME_BYTES of content together.
  return plain + 2 * Math.ceil(deltaCapacity(pages, pageBytes) / frameBytes) + 2;
}

/** Return the capacity of OUTPUT in bytes. */
export function payloadCapacity(pages: number, pageBytes: number, frameBytes: number): number {
  return pages * pageBytes + frameCapacity(pages, pageBytes, frameBytes) * (MAX_FRAME_TABLE_BYTES + 64);
}

/** Return the maximum bytes of a page's delta. */
export function maxDeltaBytes(pageBytes: number): number {
  return pageBytes * MAX_DELTA_SHARE;
}

/** Return the maximum number of pages in a frame of plain pages. */
export function plainSlots(pageBytes: number, frameBytes: number): number {
  return Math.min(MAX_FRAME_SLOTS, Math.max(1, Math.floor(frameBytes / pageBytes)));
}
