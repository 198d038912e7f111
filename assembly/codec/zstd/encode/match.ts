// What every match finder shares: hashes, lengths of matches, and the store of sequences.
import { MATCH_SHIFT, OFFSET_SHIFT } from "./codes";
import { STATE_LITERALS, STATE_SEQUENCES } from "./layout";

/** A 64-bit odd number with random bits; a multiple of 2^(64 - 8 n) of it hashes the first n bytes only. */
const MULTIPLIER: u64 = 0xc2b2ae3d27d4eb4f;

/** Return the multiplier that hashes the first `bytes` bytes of a word. */
export function multiplierFor(bytes: u32): u64 {
  return MULTIPLIER << (64 - 8 * bytes);
}

/** Return the address of the entry of a word's hash. */
export function slotOf<T>(word: u64, table: usize, multiplier: u64, shift: u64): usize {
  return table + ((<usize>((word * multiplier) >> shift)) << (sizeof<T>() === 2 ? 1 : 2));
}

/** Return the end of the match of `ip` with `m`, whose first four bytes are equal; never past `end`. */
export function matchEnd(ip: usize, m: usize, end: usize): usize {
  const equal = i8x16.bitmask(i8x16.eq(v128.load(ip), v128.load(m)));
  if (equal !== 0xffff) return min(ip + <usize>ctz(~equal), end);
  return longMatchEnd(ip + 16, m + 16, end);
}

export function longMatchEnd(ip: usize, m: usize, end: usize): usize {
  while (ip < end) {
    const equal = i8x16.bitmask(i8x16.eq(v128.load(ip), v128.load(m)));
    if (equal !== 0xffff) {
      ip += <usize>ctz(~equal);
      break;
    }
    ip += 16;
    m += 16;
  }
  return min(ip, end);
}

/** Return the number of equal bytes before both positions, back to `anchor` and `low`. */
export function equalBefore(ip: usize, m: usize, anchor: usize, low: usize): usize {
  const from = ip;
  while (ip > anchor && m > low && load<u8>(ip - 1) === load<u8>(m - 1)) {
    ip--;
    m--;
  }
  return from - ip;
}

/** Store a sequence; `offsetValue` is 1 … 3 for a repeat offset, else the offset + 3. */
export function putSequence(at: usize, literals: u32, matchBytes: u32, offsetValue: u32): void {
  store<u64>(
    at,
    <u64>literals | ((<u64>(matchBytes - 3)) << MATCH_SHIFT) | ((<u64>offsetValue) << OFFSET_SHIFT),
  );
}

/** Copy literals in steps of 16 bytes: up to 15 bytes past their end are read and written. */
export function copyLiterals(to: usize, from: usize, bytes: u32): void {
  v128.store(to, v128.load(from));
  if (bytes > 16) {
    const end = to + bytes;
    do {
      to += 16;
      from += 16;
      v128.store(to, v128.load(from));
    } while (to + 16 < end);
  }
}

/** Store the literals from `anchor` to the end of the block, and the counts of both lists. */
export function endSequences(
  scratch: usize,
  sequences: usize,
  sequence: usize,
  literals: usize,
  literal: usize,
  anchor: usize,
  end: usize,
): void {
  const rest = <u32>(end - anchor);
  copyLiterals(literal, anchor, rest);
  store<u32>(scratch + STATE_SEQUENCES, <u32>(sequence - sequences) >> 3);
  store<u32>(scratch + STATE_LITERALS, <u32>(literal + rest - literals));
}
