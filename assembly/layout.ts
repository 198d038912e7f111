// The one layout file: every size and offset that a kernel and its caller must agree on. JavaScript reads
// them as exports.

/** Bytes after the contents of every slot that kernels may read; no result depends on them. */
export const SLOT_SLACK: u32 = 64;
/** Largest page and largest block, in bytes. */
export const MAX_PAGE_BYTES: u32 = 65536;

/** Bytes of the scratch of lz4Encode (its hash table), 64-byte aligned. */
export const LZ4_SCRATCH_BYTES: u32 = 32768;
/**
 * Bytes of the scratch of wkdmEncode and wkdmDecode (dictionary, lanes, two lists as long as the page),
 * 64-byte aligned.
 */
export const WKDM_SCRATCH_BYTES: u32 = 134400;

/** Bytes of the scratch of blake3Pages, 64-byte aligned. */
export const BLAKE3_SCRATCH_BYTES: u32 = 3648;

/**
 * WKdm's hash of a word: (((word >> 10) & 255) * this >> 4) & 15. The one of 26 multipliers with the smallest
 * guest pages.
 */
export const WKDM_MULTIPLIER: i16 = 229;

// scanPages writes one u16 a page: 0 for a normal page, else CLASS_FILL | byte.
export const CLASS_NORMAL: u32 = 0;
export const CLASS_FILL: u32 = 0x100;

// The profile of a page: u32 fields at these byte offsets.
/** 32-bit words that are zero. */
export const PROFILE_ZERO_WORDS: u32 = 0;
/** 32-bit words equal to the word before them (and not zero). */
export const PROFILE_REPEATED_WORDS: u32 = 4;
/** Non-zero 32-bit words that hit a WKdm-style 16-entry dictionary, exactly or in the upper 22 bits. */
export const PROFILE_DICTIONARY_WORDS: u32 = 8;
/** Number of runs of at least four equal bytes. */
export const PROFILE_RUNS: u32 = 12;
/** Bytes inside those runs. */
export const PROFILE_RUN_BYTES: u32 = 16;
/** Bytes that differ from the base; pageBytes without a base. */
export const PROFILE_CHANGED_BYTES: u32 = 20;
/** Separate ranges of 8-byte granules that differ from the base; 1 without a base. */
export const PROFILE_CHANGED_RUNS: u32 = 24;
/**
 * Estimated bytes of an LZ-class encoding of the page, from sampled repeats and byte variety: 1 … pageBytes.
 */
export const PROFILE_ESTIMATED_BYTES: u32 = 28;
/** Zero bytes. */
export const PROFILE_ZERO_BYTES: u32 = 32;
/**
 * Bytes of a profile's slot: 64 of fields, then the scratch of profilePage (dictionary, table of earlier
 * words).
 */
export const PROFILE_BYTES: u32 = 1280;

/** Return the first address that the module's own constant tables do not use. */
export function heapBase(): usize {
  return __heap_base;
}
