/** Frame id of a zero page, which is in no frame. */
export const ZERO_FRAME = 0;
/** Largest frame id. Ids are never used again: 64 TiB of pages at 16 KiB a frame. */
export const MAX_FRAME_ID = 0xffffffff;
/** Slots are below this. */
export const SLOT_LIMIT = 255;
