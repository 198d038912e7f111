// What a level means: the match finder, the sizes of its tables, and how hard it tries.
import { ZSTD_MAX_BLOCK_BYTES } from "../format";
import { blockBytesOf } from "./layout";
import { OPTIMAL_ENTRIES_BYTES } from "./optimal-chunk";
import { PRICES_BYTES } from "./prices";
import { SPLIT_BYTES } from "./split";
import { listsBytes } from "./tree";

export const FAST: u32 = 0;
export const DOUBLE: u32 = 1;
const ROW: u32 = 2;
export const OPTIMAL: u32 = 3;
const FIRST_OPTIMAL_LEVEL: i32 = 16;

/**
 * Bits of the table of the fast levels for positions of 32 bits: 64 KiB, as libzstd. A larger one saves fewer
 * bytes than it takes time.
 */
export const LARGE_FAST_BITS: u32 = 14;

/** Windows beyond this are not used: larger offsets take more bits than a sequence has. */
export const MAX_WINDOW_BYTES: u32 = 1 << 27;
/** Positions of the tree of the highest levels, in bits. Long hashes find matches farther away. */
const MAX_TREE_BITS: u32 = 23;
/** Level 0 is the default of zstd. */
const DEFAULT_LEVEL: i32 = 3;

export function strategyOf(level: i32): u32 {
  if (level === 0) level = DEFAULT_LEVEL;
  return level <= 2 ? FAST : level === 3 ? DOUBLE : level < FIRST_OPTIMAL_LEVEL ? ROW : OPTIMAL;
}

/** Positions of such an input fit 16 bits, which halves the tables. */
export function hasShortPositions(level: i32, srcBytes: u32): bool {
  return srcBytes <= 65536 && strategyOf(level) < ROW;
}

/** Return the bits of the position, rounded up: as many entries as positions. */
function positionBits(srcBytes: u32): u32 {
  return srcBytes <= 256 ? 8 : 32 - <u32>clz(srcBytes - 1);
}

/** Return the bits of the (first) hash table, or of the number of rows. */
export function tableBits(level: i32, srcBytes: u32): u32 {
  const strategy = strategyOf(level);
  if (strategy === ROW) return min(positionBits(srcBytes) - 4, level < 7 ? 12 : 13);
  if (strategy === FAST && srcBytes > 65536) return LARGE_FAST_BITS;
  const most: u32 = strategy === FAST ? (level < 0 ? 13 : 14) : 17;
  return min(positionBits(srcBytes) + 1, strategy === OPTIMAL ? 20 : most);
}

/** Return the candidates that levels from 4 on compare at each position. */
export function attemptsOf(level: i32): u32 {
  if (level >= FIRST_OPTIMAL_LEVEL) return (<u32>1) << min(level - 13, 6);
  return (<u32>1) << min(level - 3, 4);
}

/** Return the positions after a match whose own match may be better. */
export function lookaheadOf(level: i32): i32 {
  return level < 7 ? 1 : 2;
}

/** Return the distance of positions that are inserted inside a match. */
export function insertStep(level: i32): usize {
  return level === 4 ? 8 : level === 5 ? 4 : 1;
}

/** Return the bits of the second table: of short hashes, or of the tree's positions. */
export function secondBits(level: i32, srcBytes: u32): u32 {
  const strategy = strategyOf(level);
  return strategy === FAST || strategy === ROW
    ? 0
    : min(positionBits(srcBytes), strategy === DOUBLE ? 16 : MAX_TREE_BITS);
}

/** Return the bits of the table of matches of three bytes. */
export function shortBits(srcBytes: u32): u32 {
  return min(positionBits(srcBytes), 16);
}

/** Return the bits of the table of distant matches, 0 for none: an entry for every eight positions. */
export function distantBits(srcBytes: u32): u32 {
  return srcBytes <= ZSTD_MAX_BLOCK_BYTES ? 0 : positionBits(srcBytes) - 3;
}

/**
 * Return the bytes of what is cleared before a frame: the tables, that of distant matches last, then the
 * prices of the highest levels.
 */
export function tablesBytes(level: i32, srcBytes: u32): u32 {
  const strategy = strategyOf(level);
  if (strategy === ROW) return 80 << tableBits(level, srcBytes);
  let entries = (<u32>1) << tableBits(level, srcBytes);
  if (strategy === DOUBLE) entries += (<u32>1) << secondBits(level, srcBytes);
  if (strategy === OPTIMAL) {
    const distant = distantBits(srcBytes);
    entries += ((<u32>1) << shortBits(srcBytes)) + (distant === 0 ? 0 : (<u32>1) << distant);
  }
  const bytes = entries << (hasShortPositions(level, srcBytes) ? 1 : 2);
  return strategy === OPTIMAL ? bytes + PRICES_BYTES : bytes;
}

/**
 * Return the bytes of what the highest levels have after that: the positions of a chunk, the memory of split
 * blocks, lists of matches, the tree.
 */
export function optimalBytes(level: i32, srcBytes: u32): u32 {
  if (strategyOf(level) !== OPTIMAL) return 0;
  return (
    OPTIMAL_ENTRIES_BYTES +
    SPLIT_BYTES +
    listsBytes(blockBytesOf(srcBytes)) +
    (8 << secondBits(level, srcBytes))
  );
}
