// The decoder's scratch: offsets in bytes. Everything that a frame's blocks share is here, so that a stream
// can be decoded block by block, in any thread.
import { XXH64_STATE_BYTES } from "../../../hash/xxh64";
import { ZSTD_MAX_BLOCK_BYTES } from "../format";

/** Bytes of the scratch of the zstd decoder, 64-byte aligned; zeroed before its first use. */
export const ZSTD_DECODE_SCRATCH_BYTES: u32 = 155072;

// What callers read after zstdDecodeHeader and zstdBlockBytes: u32 fields, unless they are u64.
/** u64: the window of the frame, in bytes. */
export const ZSTD_FRAME_WINDOW_BYTES: u32 = 8;
/** u64: the bytes that the frame decodes to; all ones: unknown. Of a skippable frame: the bytes to skip. */
export const ZSTD_FRAME_CONTENT_BYTES: u32 = 16;
/** 1: a skippable frame, 0: one with content. */
export const ZSTD_FRAME_IS_SKIPPABLE: u32 = 24;
/** Largest content of a block of this frame, in bytes: the window or 128 KiB. */
export const ZSTD_FRAME_MAX_BLOCK_BYTES: u32 = 28;
/** 1: a checksum follows the last block. */
export const ZSTD_FRAME_HAS_CHECKSUM: u32 = 32;
/** 1: the block is the last one of its frame. */
export const ZSTD_BLOCK_IS_LAST: u32 = 36;

/** u32: `READY ^ scratch` when the constant tables below are filled in. */
export const READY_AT: u32 = 0;
export const READY: u32 = 0x7a647473;
/** u64: bytes of the frame decoded so far. */
export const PRODUCED: u32 = 40;
/** Bits of the Huffman table's index; 0: this frame has no table yet. */
export const HUFFMAN_BITS: u32 = 48;
/** 1: the frame has had sequences, whose tables can be used again. */
export const HAS_TABLES: u32 = 52;
/** The bits of the states of each table. */
export const LITERALS_TABLE_BITS: u32 = 56;
export const OFFSETS_TABLE_BITS: u32 = 60;
export const MATCHES_TABLE_BITS: u32 = 64;
/** Three u32: the last offsets. */
export const LAST_OFFSETS: u32 = 80;
/** Where the block's literals are, and how many. */
export const LITERALS_AT: u32 = 92;
export const LITERALS_BYTES: u32 = 96;
/** XXH64_STATE_BYTES bytes. */
export const HASH_STATE: u32 = 128;

// Constant tables.
/** u32 a code: the first u32 of an entry (states.ts) that takes no bits of the next state. */
export const LITERAL_CODES: u32 = 256;
export const OFFSET_CODES: u32 = 512;
export const MATCH_CODES: u32 = 768;
/** Sixteen rows of 16 bytes: row n repeats the first n bytes of a vector. */
export const PATTERNS: u32 = 1024;
/** u32 a row: the largest multiple of n up to 16. */
export const STRIDES: u32 = 1280;

// Work space of one table.
/** i16 a symbol. */
export const COUNTS: u32 = 1344;
// Where a run over sequences stops, in the same space.
/** The bits that are left, and the three states. */
export const LEFT: u32 = 1344;
export const LITERAL_STATE: u32 = 1348;
export const OFFSET_STATE: u32 = 1352;
export const MATCH_STATE: u32 = 1356;
/** The sequences that are left; the first of them does not fit: its literals, offset and match. */
export const SEQUENCES: u32 = 1360;
export const STOPPED_LITERALS: u32 = 1364;
export const STOPPED_OFFSET: u32 = 1368;
export const STOPPED_MATCH: u32 = 1372;
/** The bits of the next states of the last sequence. */
export const LAST_STATE_BITS: u32 = 1376;
/** A byte a state. */
export const SPREAD: u32 = 1856;
/** u32 a symbol; no longer used when weights are written to the same space. */
export const NEXT_STATES: u32 = 2432;
/** A byte a symbol, and 8 that are overwritten. */
export const WEIGHTS: u32 = 2944;
/** Symbols by weight. */
export const SORTED: u32 = 3264;
/** u32 a weight. */
export const WEIGHT_COUNTS: u32 = 3520;
export const WEIGHT_STARTS: u32 = 3584;
/** 64 entries of 8 bytes. */
export const WEIGHT_STATES: u32 = 3648;

// Tables of sequences: entries of 8 bytes (states.ts).
export const DEFAULT_LITERALS: u32 = 4224;
export const DEFAULT_OFFSETS: u32 = 4736;
export const DEFAULT_MATCHES: u32 = 4992;
export const OWN_LITERALS: u32 = 5504;
export const OWN_OFFSETS: u32 = 9600;
export const OWN_MATCHES: u32 = 11648;

/** 4096 entries of 2 bytes. */
export const HUFFMAN_TABLE: u32 = 15744;
/** 128 KiB of literals, and 64 bytes that are read or overwritten past them. */
export const LITERALS: u32 = 23936;

/** Bytes after the literals that may be overwritten. */
const LITERALS_SLACK: u32 = 64;
if (LITERALS + ZSTD_MAX_BLOCK_BYTES + LITERALS_SLACK > ZSTD_DECODE_SCRATCH_BYTES)
  ERROR("zstd: scratch too small");
if (HASH_STATE + XXH64_STATE_BYTES > LITERAL_CODES) ERROR("zstd: no space for the hash");
