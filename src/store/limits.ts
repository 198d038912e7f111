/** Frame id of zero pages, which are in no frame. */
export const ZERO_FRAME = 0;
/** Largest frame id. Ids are never used again: 64 TiB of pages at 16 KiB a frame. */
export const MAX_FRAME_ID = 0xffffffff;
/** Number of slots of a frame, at most: a slot is 0 … 254. */
export const SLOT_LIMIT = 255;
