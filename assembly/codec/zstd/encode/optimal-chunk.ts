// A chunk of the positions of a block, for the optimal match finder: what is known of each position, and the
// paths to later ones.
import { STATE_OFFSET_1, STATE_OFFSET_2, STATE_OFFSET_3 } from "./layout";
import { literalPrice, literalsPrice, matchPrice } from "./prices";

/** Positions that are decided together. */
export const CHUNK_BYTES: u32 = 8192;
/** A longer match is taken without a comparison of what begins inside it. */
export const SUFFICIENT_BYTES: u32 = 256;
export const MIN_MATCH_BYTES: u32 = 3;

// What is known of a position: the fewest bits to get there, the literals before it since the last match,
// the match that ends at it, the repeat offsets after that. The last field is a list of matches, for their
// output.
const PRICE: usize = 0;
export const LITERALS: usize = 4;
export const MATCH: usize = 8;
export const VALUE: usize = 12;
export const OFFSET_1: usize = 16;
export const OFFSET_2: usize = 20;
export const OFFSET_3: usize = 24;
export const LISTED: usize = 28;
export const ENTRY_SHIFT: u32 = 5;
const UNREACHED: u32 = 0xffffffff;

// State of a chunk, before its positions.
const REACHED: usize = 0;
export const LONG_MATCH: usize = 4;
export const LONG_OFFSET: usize = 8;
export const LONG_VALUE: usize = 12;
export const ENTRIES: usize = 64;

/** Bytes of the positions of a chunk. */
export const OPTIMAL_ENTRIES_BYTES: u32 = <u32>ENTRIES + ((CHUNK_BYTES + 1) << ENTRY_SHIFT);

/** The first position of a chunk: reached without cost, after `literals` literals. */
export function startChunk(scratch: usize, prices: usize, chunk: usize, literals: u32): void {
  const entry = chunk + ENTRIES;
  store<u32>(chunk + REACHED, 0);
  store<u32>(chunk + LONG_MATCH, 0);
  store<u32>(entry + PRICE, literalsPrice(scratch, prices, literals));
  store<u32>(entry + LITERALS, literals);
  store<u32>(entry + MATCH, 0);
  store<u32>(entry + OFFSET_1, load<u32>(scratch + STATE_OFFSET_1));
  store<u32>(entry + OFFSET_2, load<u32>(scratch + STATE_OFFSET_2));
  store<u32>(entry + OFFSET_3, load<u32>(scratch + STATE_OFFSET_3));
}

/** Positions up to `to` have an entry. */
function reach(chunk: usize, to: u32): void {
  let reached = load<u32>(chunk + REACHED);
  if (to <= reached) return;
  store<u32>(chunk + REACHED, to);
  while (reached < to) store<u32>(chunk + ENTRIES + (++reached << ENTRY_SHIFT) + PRICE, UNREACHED);
}

/** One literal from a position on. */
export function addLiteral(scratch: usize, prices: usize, chunk: usize, at: u32, byte: u32): void {
  reach(chunk, at + 1);
  const entry = chunk + ENTRIES + (at << ENTRY_SHIFT);
  const next = entry + (1 << ENTRY_SHIFT);
  const literals = load<u32>(entry + LITERALS);
  const price =
    load<u32>(entry + PRICE) +
    literalPrice(prices, byte) +
    literalsPrice(scratch, prices, literals + 1) -
    literalsPrice(scratch, prices, literals);
  if (price >= load<u32>(next + PRICE)) return;
  store<u32>(next + PRICE, price);
  store<u32>(next + LITERALS, literals + 1);
  store<u32>(next + MATCH, 0);
  v128.store(next + OFFSET_1, v128.load(entry + OFFSET_1));
}

/** A match of `least` … `bytes` bytes from a position on; a long one ends the chunk. */
export function addMatch(
  scratch: usize,
  prices: usize,
  chunk: usize,
  at: u32,
  most: u32,
  least: u32,
  bytes: u32,
  value: u32,
  offset: u32,
): void {
  if (bytes >= SUFFICIENT_BYTES) {
    if (bytes <= load<u32>(chunk + LONG_MATCH)) return;
    store<u32>(chunk + LONG_MATCH, bytes);
    store<u32>(chunk + LONG_VALUE, value);
    store<u32>(chunk + LONG_OFFSET, offset);
    return;
  }
  bytes = min(bytes, most - at);
  if (bytes < least) return;
  reach(chunk, at + bytes);
  const entry = chunk + ENTRIES + (at << ENTRY_SHIFT);
  const before = load<u32>(entry + PRICE) + literalsPrice(scratch, prices, 0);
  for (let length = least; length <= bytes; length++) {
    const to = entry + (length << ENTRY_SHIFT);
    const price = before + matchPrice(scratch, prices, length, value);
    if (price >= load<u32>(to + PRICE)) continue;
    store<u32>(to + PRICE, price);
    store<u32>(to + LITERALS, 0);
    store<u32>(to + MATCH, length);
    store<u32>(to + VALUE, value);
    moveOffsets(entry, to, value, offset);
  }
}

/** The offset moves to the front; those before its earlier place move back. */
export function moveOffsets(entry: usize, to: usize, value: u32, offset: u32): void {
  const index = value - 1 + (load<u32>(entry + LITERALS) === 0 ? 1 : 0);
  const offset1 = load<u32>(entry + OFFSET_1);
  const offset2 = load<u32>(entry + OFFSET_2);
  const isFirst = value <= 3 && index === 0;
  const isSecond = value <= 3 && index === 1;
  store<u32>(to + OFFSET_3, isFirst || isSecond ? load<u32>(entry + OFFSET_3) : offset2);
  store<u32>(to + OFFSET_2, isFirst ? offset2 : offset1);
  store<u32>(to + OFFSET_1, isFirst ? offset1 : offset);
}
