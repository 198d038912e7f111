// The encoder's scratch: a fixed part with state and entropy tables, then parts sized by the largest block
// (literals, sequences, the block's output), then the match finder's tables.
import { XXH64_STATE_BYTES } from "../../../hash/xxh64";
import { ZSTD_MAX_BLOCK_BYTES } from "../format";

// State of a frame: three repeat offsets, and which tables of the block before may be used again.
export const STATE_OFFSET_1: usize = 0;
export const STATE_OFFSET_2: usize = 4;
export const STATE_OFFSET_3: usize = 8;
/** Written by a match finder: number of sequences, and of literals, those after the last match included. */
export const STATE_SEQUENCES: usize = 12;
export const STATE_LITERALS: usize = 16;
/** Largest length of the Huffman codes in HUFFMAN_CODES; 0: none yet. */
export const STATE_HUFFMAN_BITS: usize = 20;
/** Of a stream: its level, the bytes of its window, and those before the next block. */
export const STATE_LEVEL: usize = 24;
export const STATE_WINDOW: usize = 28;
export const STATE_POSITION: usize = 32;
export const STATE_HAS_CHECKSUM: usize = 36;
/** Coded bytes must save 2^-n of the bytes that they code; see MIN_GAIN_SHIFT. */
export const STATE_GAIN_SHIFT: usize = 40;

/** Shifts of the levels that save time, and of the highest ones, which compare every accuracy of a table. */
export const FAST_GAIN_SHIFT: u32 = 6;
export const THOROUGH_GAIN_SHIFT: u32 = 8;

// Tables from lengths to codes; constant, written when a frame begins.
export const LITERAL_CODES: usize = 64;
export const MATCH_CODES: usize = 128;
export const LITERAL_CODE_BITS: usize = 256;
export const MATCH_CODE_BITS: usize = 320;

/** Counts of codes, u32: 64 of literal lengths, 32 of offsets, 64 of match lengths. */
export const LITERAL_COUNTS: usize = 384;
export const OFFSET_COUNTS: usize = 640;
export const MATCH_COUNTS: usize = 768;

// An FSE table: a header, a transform (u64) a symbol, then u16 states.
/** Accuracy in bits; 0: one symbol (RLE); FSE_NONE: no table yet. */
export const FSE_LOG: usize = 0;
export const FSE_NONE: u32 = 0xff;
/** The largest symbol. */
export const FSE_LAST: usize = 4;
export const FSE_TRANSFORMS: usize = 64;
export const FSE_STATES: usize = 576;
const FSE_BYTES: usize = 1600;
export const LITERAL_TABLE: usize = 1024;
export const OFFSET_TABLE: usize = LITERAL_TABLE + FSE_BYTES;
export const MATCH_TABLE: usize = OFFSET_TABLE + FSE_BYTES;
/** Table building: normalised counts (i16; new, then predefined), symbols of states, running totals. */
export const NORMALISED: usize = MATCH_TABLE + FSE_BYTES;
export const SPREAD: usize = NORMALISED + 256;
export const TOTALS: usize = SPREAD + 512;

/** A Huffman code a byte value, u64: the code in the upper bits, its length in the lowest eight. */
export const HUFFMAN_CODES: usize = TOTALS + 128;
/** Lengths (u8) of a new Huffman code. */
export const HUFFMAN_LENGTHS: usize = HUFFMAN_CODES + 2048;
/** Counts (u32) of byte values; the other parts are used after the counts were added up. */
export const BYTE_COUNTS: usize = HUFFMAN_LENGTHS + 256;
export const SORTED: usize = BYTE_COUNTS + 1024;
export const TREE: usize = BYTE_COUNTS + 2048;
export const BUCKETS: usize = BYTE_COUNTS + 3072;
export const WEIGHTS: usize = BYTE_COUNTS + 3584;
/** Of a stream: the state of its checksum. */
export const CHECKSUM_STATE: usize = BYTE_COUNTS + 4096;
/** Masks (u32) of the lowest 0 … 31 bits: a load takes fewer instructions than a shift by a variable. */
export const MASKS: usize = CHECKSUM_STATE + 128;
const FIXED_BYTES: usize = MASKS + 128;
if (XXH64_STATE_BYTES > 128) ERROR("zstd: the state of the checksum is not in its slot");

/** Bytes after a part that stores of 16 bytes may write. */
const PART_SLACK: u32 = 128;
/** After the block's output: also the descriptions of tables, which are written to compare their cost. */
const OUTPUT_SLACK: u32 = 512;

/** Return the size of the largest block of an input. */
export function blockBytesOf(srcBytes: u32): u32 {
  return min<u32>(max<u32>((srcBytes + 63) & ~63, 64), ZSTD_MAX_BLOCK_BYTES);
}

// Each part follows the one before; `block` is the frame's largest block, a multiple of 64. A sequence has at
// least three bytes, eight bytes of sequence and four of codes.
export function literalsAt(scratch: usize): usize {
  return scratch + FIXED_BYTES;
}
export function sequencesAt(scratch: usize, block: u32): usize {
  return scratch + FIXED_BYTES + block + PART_SLACK;
}
/** The codes of each sequence, u32: literal length, match length, offset, and the number of extra bits. */
export function codesAt(scratch: usize, block: u32): usize {
  return sequencesAt(scratch, block) + block * 3 + PART_SLACK;
}
export function blockOutputAt(scratch: usize, block: u32): usize {
  return codesAt(scratch, block) + (block >>> 1) * 3 + PART_SLACK;
}
export function matchTablesAt(scratch: usize, block: u32): usize {
  return blockOutputAt(scratch, block) + block + OUTPUT_SLACK;
}
