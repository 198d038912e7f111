// The match finder of the slow levels: all earlier positions of a hash in a chain, repeat offsets first, and
// a match only if none of the two positions after it has a better one.
import { STATE_OFFSET_1, STATE_OFFSET_2, STATE_OFFSET_3 } from "./layout";
import { copyLiterals, endSequences, equalBefore, matchEnd, putSequence, slotOf } from "./match";

/** After 2^8 bytes without a match the steps get longer. */
const SKIP_STRENGTH: u32 = 8;
/** What a match must save more for each byte that it begins later, in quarters of a byte. */
const LATER_COST: i32 = 5;
/** No longer match is searched for. */
const SUFFICIENT_BYTES: u32 = 512;

/**
 * Find the sequences of the block `from` … `end`; parameters are as those of findFast. `chain` has the
 * position before each position with its hash; `attempts` of them are compared.
 */
export function findLazy<T>(
  scratch: usize,
  base: usize,
  low: usize,
  from: usize,
  end: usize,
  table: usize,
  bits: u32,
  chain: usize,
  chainBits: u32,
  multiplier: u64,
  attempts: u32,
  sequences: usize,
  literals: usize,
): void {
  const shift: u64 = 64 - bits;
  const mask: u32 = (1 << chainBits) - 1;
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
      while (inserted < at) insert<T>(inserted++, base, table, chain, mask, multiplier, shift);
      const found = longest<T>(at, end, base, low, table, chain, mask, multiplier, shift, attempts);
      inserted = at + 1;
      let bytes = <u32>(found >> 32);
      let distance = <u32>found;
      let foundGain: i32 = bytes === 0 ? 0 : <i32>(bytes << 2) - (31 - <i32>clz(distance));
      for (let n = at > anchor ? 0 : 1; n < 3; n++) {
        const repeat = n === 0 ? offset1 : n === 1 ? offset2 : offset3;
        if (repeat > <u32>(at - low) || load<u32>(at) !== load<u32>(at - repeat)) continue;
        const repeatBytes = <u32>(matchEnd(at, at - repeat, end) - at);
        if (repeatBytes < 4 || <i32>(repeatBytes << 2) < foundGain) continue;
        bytes = repeatBytes;
        distance = repeat;
        foundGain = bytes << 2;
      }
      if (foundGain > gain + (matchBytes === 0 ? 0 : LATER_COST * <i32>(at - start))) {
        start = at;
        matchBytes = bytes;
        offset = distance;
        gain = foundGain;
        rest = 3;
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

/** Insert a position; return the latest one before with its hash. */
export function insert<T>(
  at: usize,
  base: usize,
  table: usize,
  chain: usize,
  mask: u32,
  multiplier: u64,
  shift: u64,
): u32 {
  const slot = slotOf<T>(load<u64>(at), table, multiplier, shift);
  const earlier = <u32>load<T>(slot);
  const position = <u32>(at - base);
  store<T>(chain + ((position & mask) << (sizeof<T>() === 2 ? 1 : 2)), <T>earlier);
  store<T>(slot, <T>position);
  return earlier;
}

/** Insert a position and return the bytes << 32 | the offset of its longest match, 0 if it has none. */
function longest<T>(
  at: usize,
  end: usize,
  base: usize,
  low: usize,
  table: usize,
  chain: usize,
  mask: u32,
  multiplier: u64,
  shift: u64,
  attempts: u32,
): u64 {
  let candidate = insert<T>(at, base, table, chain, mask, multiplier, shift);
  const position = <u32>(at - base);
  const lowest = max(<u32>(low - base), position > mask ? position - mask : 0);
  let best: u32 = 3;
  let offset: u32 = 0;
  while (candidate >= lowest && candidate < position) {
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
    const earlier = <u32>load<T>(chain + ((candidate & mask) << (sizeof<T>() === 2 ? 1 : 2)));
    // An empty entry, or one of a position that is out of the chain's reach.
    if (earlier >= candidate) break;
    candidate = earlier;
  }
  return offset === 0 ? 0 : ((<u64>best) << 32) | <u64>offset;
}
