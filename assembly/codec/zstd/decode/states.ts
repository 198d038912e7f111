// Tables of finite state entropy (RFC 8878, 4.1): the description of a distribution in, one entry a state
// out.
//
// An entry is two u32:
//
//     0   bits  0 …  4   bits of the next state, at most 9: a shift by an entry is one by these
//         bits  5 … 11   bits that the state takes: its extra bits, then those of the next state
//         bit  12        1: has extra bits (literals and matches)
//         bit  13        1: has 16 extra bits (literals and matches)
//         bits 16 … 31   base, to which the extra bits are added, without its bit 16: only the last codes of
//                        literals and of matches have that, and only they 16 extra bits. Offsets, whose base
//                        is a power of two: 31 less the extra bits
//     4   bits  0 … 15   mask of the next state's bits, times 8
//         bits 16 … 31   first of the next states, times 8
//
// The first u32 of three states can be added: neither field of bits overflows.
import { BAD_TOKEN, TRUNCATED } from "../../../status";
import { COUNTS, NEXT_STATES, SPREAD } from "./scratch";

export const STATE_BITS_MASK: u32 = 31;
export const TOTAL_SHIFT: u32 = 5;
export const TOTAL_MASK: u32 = 127;
export const HAS_EXTRA: u32 = 1 << 12;
export const HAS_16_EXTRA: u32 = 1 << 13;
export const BASE_SHIFT: u32 = 16;
/** Where an entry's second u32 is. */
export const TRANSITION: u32 = 4;
/** Of a second u32: one state, and the lowest bit of the mask. */
const ONE_STATE: u32 = 8 << BASE_SHIFT;
const ONE_IN_MASK: u32 = 8;
/** Of a first u32: one bit of the next state. */
const ONE_STATE_BIT: u32 = 1 + (1 << TOTAL_SHIFT);

const MIN_BITS: u32 = 5;

/**
 * Read the description of a distribution at `src`, which ends at `end`, for at most `maxBits` bits of state
 * and `maxSymbols` symbols. Return its bytes | symbols << 10 | bits of a state << 20, or a status.
 */
export function readCounts(src: usize, end: usize, maxBits: u32, maxSymbols: u32, scratch: usize): i32 {
  const counts = scratch + COUNTS;
  const available = (<u32>(end - src)) << 3;
  if (available === 0) return TRUNCATED;
  const bits = (load<u8>(src) & 15) + MIN_BITS;
  if (bits > maxBits) return BAD_TOKEN;
  let at: u32 = 4;
  // Of the 1 << bits states: those that are not given to a symbol yet, and one.
  let remaining: u32 = (1 << bits) + 1;
  let symbols: u32 = 0;
  do {
    if (symbols >= maxSymbols || at > available) return BAD_TOKEN;
    const word = load<u32>(src + (at >> 3)) >> (at & 7);
    // A value is 0 … remaining; the smallest of them take a bit less.
    const wide = 32 - clz<u32>(remaining);
    const threshold: u32 = 1 << (wide - 1);
    const short = (threshold << 1) - 1 - remaining;
    let value = word & (threshold - 1);
    if (value < short) at += wide - 1;
    else {
      value = word & ((threshold << 1) - 1);
      if (value >= threshold) value -= short;
      at += wide;
    }
    // 0: a probability below that of one state, of which it gets one; its count is -1.
    store<i16>(counts + (symbols << 1), <i16>(value - 1));
    symbols++;
    if (value === 1) {
      let zeros: u32 = 3;
      while (zeros === 3) {
        if (symbols >= maxSymbols || at > available) return BAD_TOKEN;
        zeros = (load<u16>(src + (at >> 3)) >> (at & 7)) & 3;
        at += 2;
        // Up to three are overwritten by the next.
        store<u32>(counts + (symbols << 1), 0);
        store<u16>(counts + (symbols << 1), 0, 4);
        symbols += zeros;
      }
    } else remaining -= value === 0 ? 1 : value - 1;
  } while (remaining > 1);
  if (symbols > maxSymbols || at > available) return BAD_TOKEN;
  return (bits << 20) | (symbols << 10) | ((at + 7) >> 3);
}

/**
 * Build the table of the counts at `scratch + COUNTS`. `codes`: u32 a symbol, the first u32 of an entry that
 * takes no bits of the next state; 0: symbols are their own base.
 */
export function buildStates(table: usize, bits: u32, symbolCount: u32, codes: usize, scratch: usize): void {
  spreadSymbols(table, bits, symbolCount, scratch);
  const end = table + (8 << bits);
  const next = scratch + NEXT_STATES;
  const size = (ONE_STATE << bits) + ONE_IN_MASK;
  let spread = scratch + SPREAD;
  do {
    const symbol: u32 = load<u8>(spread++);
    const counter = next + (symbol << 2);
    const n = load<u32>(counter);
    store<u32>(counter, n + ONE_STATE);
    const stateBits = clz<u32>(n) + bits - clz<u32>(ONE_STATE);
    const code: u32 = codes === 0 ? symbol << BASE_SHIFT : load<u32>(codes + (symbol << 2));
    store<u32>(table, code + stateBits * ONE_STATE_BIT);
    store<u32>(table, (n << stateBits) - size, TRANSITION);
    table += 8;
  } while (table < end);
}

/** Return the address of the next state, whose table is for addresses after `scratch`. */
export function nextState(transition: u32, bits: u32, scratch: usize): usize {
  return scratch + (transition >> 16) + (bits & transition & 0xffff);
}

/**
 * Give each state its symbol. Give each symbol the number of its states as `count * ONE_STATE | ONE_IN_MASK`,
 * from which the second u32 of its first entry follows by one shift. `runs`: space for a byte a state, and 8
 * that are overwritten; the symbols are written there first, each as many times as it has states: a loop over
 * the states of one symbol ends after so few that its end is mispredicted.
 */
function spreadSymbols(runs: usize, bits: u32, symbolCount: u32, scratch: usize): void {
  const counts = scratch + COUNTS;
  const next = scratch + NEXT_STATES;
  const spread = scratch + SPREAD;
  const size: u32 = 1 << bits;
  const mask = size - 1;
  const step = (size >> 1) + (size >> 3) + 3;
  let high = mask;
  let to = runs;
  for (let symbol: u32 = 0; symbol < symbolCount; symbol++) {
    let count: i32 = load<i16>(counts + (symbol << 1));
    if (count < 0) {
      store<u8>(spread + high--, <u8>symbol);
      count = 1;
    } else {
      const end = to + count;
      do {
        store<u64>(to, <u64>symbol * 0x0101010101010101);
        to += 8;
      } while (to < end);
      to = end;
    }
    store<u32>(next + (symbol << 2), count * ONE_STATE + ONE_IN_MASK);
  }
  let at: u32 = 0;
  while (runs < to) {
    store<u8>(spread + at, load<u8>(runs++));
    do at = (at + step) & mask;
    while (at > high);
  }
}
