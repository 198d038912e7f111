// The match finder of the middle and slow levels: rows of the latest positions of each hash with a byte of
// the hash each (a tag), compared 16 at a time; repeat offsets first, and a match only if none of the
// positions just after it has a better one.
import { STATE_OFFSET_1, STATE_OFFSET_2, STATE_OFFSET_3 } from "./layout";
import { copyLiterals, endSequences, equalBefore, matchEnd, putSequence } from "./match";

/** After 2^8 bytes without a match the steps get longer. */
const SKIP_STRENGTH: u32 = 8;
/** What a match must save more for each byte that it begins later, in quarters of a byte. */
const LATER_COST: i32 = 5;
/** No longer match is searched for. */
const SUFFICIENT_BYTES: u32 = 512;
/** After a match of this length no later position is tried, and after such a repeat no other offset. */
const ENOUGH_BYTES: u32 = 32;

/** Bits of a hash below its row: the tag. */
const TAG_BITS: u64 = 8;

/**
 * Find the sequences of the block `from` … `end`; parameters are as those of findFast. `rows` has 2^rowBits
 * rows of 16 tags each, then the positions of all tags; `attempts` of them are compared. A match is compared
 * with those of the `lookahead` positions after it. Of the positions inside a match the multiples of `step`
 * are inserted: words of memory are aligned, and so are most matches of later ones.
 */
export function findRow(
  scratch: usize,
  base: usize,
  low: usize,
  from: usize,
  end: usize,
  rows: usize,
  rowBits: u32,
  multiplier: u64,
  attempts: u32,
  lookahead: i32,
  step: usize,
  sequences: usize,
  literals: usize,
): void {
  const shift: u64 = 64 - TAG_BITS - rowBits;
  const positions = rows + (1 << (rowBits + 4));
  let offset1 = load<u32>(scratch + STATE_OFFSET_1);
  let offset2 = load<u32>(scratch + STATE_OFFSET_2);
  let offset3 = load<u32>(scratch + STATE_OFFSET_3);
  let sequence = sequences;
  let literal = literals;
  let anchor = from;
  let ip = max(from, low + 1);
  let inserted = ip;
  const limit = end - from > 16 ? end - 9 : 0;
  while (ip <= limit) {
    let start = ip;
    let matchBytes: u32 = 0;
    let offset: u32 = 0;
    let gain: i32 = 0;
    let at = ip;
    let rest: i32 = 1;
    do {
      while (inserted < at) {
        insert(inserted, base, rows, positions, multiplier, shift);
        inserted = base + ((inserted - base + step) & -step);
      }
      let bytes: u32 = 0;
      let distance: u32 = 0;
      let foundGain: i32 = 0;
      for (let n = at > anchor ? 0 : 1; n < 3; n++) {
        const repeat = n === 0 ? offset1 : n === 1 ? offset2 : offset3;
        if (repeat > <u32>(at - low) || load<u32>(at) !== load<u32>(at - repeat)) continue;
        const repeatBytes = <u32>(matchEnd(at, at - repeat, end) - at);
        if (repeatBytes < 4 || <i32>(repeatBytes << 2) < foundGain) continue;
        bytes = repeatBytes;
        distance = repeat;
        foundGain = bytes << 2;
      }
      if (bytes < ENOUGH_BYTES) {
        const tries = at === ip ? attempts : (attempts + 3) >> 2;
        const found = longest(at, end, base, low, rows, positions, multiplier, shift, tries);
        inserted = at + 1;
        const foundBytes = <u32>(found >> 32);
        const better = foundBytes === 0 ? 0 : <i32>(foundBytes << 2) - (31 - <i32>clz(<u32>found));
        if (better > foundGain) {
          foundGain = better;
          bytes = foundBytes;
          distance = <u32>found;
        }
      }
      if (foundGain > gain + (matchBytes === 0 ? 0 : LATER_COST * <i32>(at - start))) {
        start = at;
        matchBytes = bytes;
        offset = distance;
        gain = foundGain;
        rest = bytes >= ENOUGH_BYTES ? 1 : lookahead + 1;
      }
      at++;
    } while (--rest > 0 && at <= limit);
    if (matchBytes === 0) {
      ip += 1 + (<u32>(ip - anchor) >> SKIP_STRENGTH);
      continue;
    }
    const before = equalBefore(start, start - offset, anchor, low);
    start -= before;
    matchBytes += <u32>before;
    const count = <u32>(start - anchor);
    copyLiterals(literal, anchor, count);
    literal += count;
    let value = offset + 3;
    if (count !== 0) value = offset === offset1 ? 1 : offset === offset2 ? 2 : offset === offset3 ? 3 : value;
    else value = offset === offset2 ? 1 : offset === offset3 ? 2 : value;
    putSequence(sequence, count, matchBytes, value);
    sequence += 8;
    // The offset moves to the front; those before its earlier place move back.
    const isFirst = count !== 0 && value === 1;
    const isSecond = value <= 3 && offset === offset2;
    if (!isFirst) {
      if (!isSecond) offset3 = offset2;
      offset2 = offset1;
      offset1 = offset;
    }
    ip = start + matchBytes;
    anchor = ip;
  }
  endSequences(scratch, sequences, sequence, literals, literal, anchor, end);
  store<u32>(scratch + STATE_OFFSET_1, offset1);
  store<u32>(scratch + STATE_OFFSET_2, offset2);
  store<u32>(scratch + STATE_OFFSET_3, offset3);
}

/** Insert a position into its row, where it replaces the oldest one. */
function insert(at: usize, base: usize, rows: usize, positions: usize, multiplier: u64, shift: u64): void {
  const hash = <u32>((load<u64>(at) * multiplier) >> shift);
  put(hash, <u32>(at - base), rows, positions);
}

/** The first byte of a row is the place of its latest entry; places go down. */
function put(hash: u32, position: u32, rows: usize, positions: usize): void {
  const row = rows + ((hash >>> <u32>TAG_BITS) << 4);
  let head: u32 = (load<u8>(row) - 1) & 15;
  head += <u32>(head === 0) * 15;
  store<u8>(row, head);
  store<u8>(row + head, tagOf(hash));
  store<u32>(positions + ((hash >>> <u32>TAG_BITS) << 6) + (head << 2), position);
}

/** Tags of entries are not zero, unlike those of empty ones. */
function tagOf(hash: u32): u32 {
  const tag = hash & 0xff;
  return tag + <u32>(tag === 0);
}

/** Insert a position and return the bytes << 32 | the offset of its longest match, 0 if it has none. */
function longest(
  at: usize,
  end: usize,
  base: usize,
  low: usize,
  rows: usize,
  positions: usize,
  multiplier: u64,
  shift: u64,
  attempts: u32,
): u64 {
  const hash = <u32>((load<u64>(at) * multiplier) >> shift);
  const rowAt = hash >>> <u32>TAG_BITS;
  const row = rows + (rowAt << 4);
  const entries = positions + (rowAt << 6);
  const head = <u32>load<u8>(row);
  let equal: u32 = i8x16.bitmask(i8x16.eq(v128.load(row), i8x16.splat(<i8>tagOf(hash)))) & 0xfffe;
  // From the latest entry on.
  equal = ((equal | (equal << 16)) >>> head) & 0xffff;
  const position = <u32>(at - base);
  const lowest = <u32>(low - base);
  let best: u32 = 3;
  let offset: u32 = 0;
  while (equal !== 0) {
    const candidate = load<u32>(entries + (((<u32>ctz(equal) + head) & 15) << 2));
    equal &= equal - 1;
    if (candidate < lowest) break;
    const m = base + candidate;
    // A longer match has the bytes at the end of the best one, and one more.
    if (load<u32>(m + best - 3) === load<u32>(at + best - 3)) {
      const bytes = <u32>(matchEnd(at, m, end) - at);
      if (bytes > best) {
        best = bytes;
        offset = position - candidate;
        if (bytes >= SUFFICIENT_BYTES || at + bytes >= end) break;
      }
    }
    if (--attempts === 0) break;
  }
  put(hash, position, rows, positions);
  return offset === 0 ? 0 : ((<u64>best) << 32) | <u64>offset;
}
