// Copies of literals and matches: fast ones that overwrite up to 31 bytes past their end, and exact ones for
// the end of the output.
import { BAD_TOKEN, OUTPUT_FULL } from "../../../status";
import { LITERALS_AT, PATTERNS, STRIDES } from "./scratch";

/** Bytes past the end that the fast copies may overwrite. */
export const COPY_SLACK: u32 = 32;

/** Copy 16 bytes at a time until `end` is reached or passed. */
export function copyWild(to: usize, from: usize, end: usize): void {
  do {
    v128.store(to, v128.load(from));
    to += 16;
    from += 16;
  } while (to < end);
}

/** Repeat the `offset` (below 16) bytes before `to` until `end` is reached or passed. */
export function repeatWild(to: usize, offset: u32, end: usize, scratch: usize): void {
  const repeated = v128.swizzle(v128.load(to - offset), v128.load(scratch + PATTERNS + (offset << 4)));
  const stride: usize = load<u32>(scratch + STRIDES + (offset << 2));
  do {
    v128.store(to, repeated);
    to += stride;
  } while (to < end);
}

/** Copy a match of any offset, and write nothing past its end. */
function matchExact(to: usize, offset: u32, bytes: u32, scratch: usize): void {
  const end = to + bytes;
  if (bytes >= 16) {
    const far = end - 16;
    if (offset >= 16) {
      do {
        v128.store(to, v128.load(to - offset));
        to += 16;
      } while (to <= far);
    } else {
      const repeated = v128.swizzle(v128.load(to - offset), v128.load(scratch + PATTERNS + (offset << 4)));
      const stride: usize = load<u32>(scratch + STRIDES + (offset << 2));
      do {
        v128.store(to, repeated);
        to += stride;
      } while (to <= far);
    }
  }
  while (to < end) {
    store<u8>(to, load<u8>(to - offset));
    to++;
  }
}

/**
 * Copy literals from LITERALS_AT, which is set to their end, and a match near the end of the output; write
 * nothing past `limit`. Return 0 or a status.
 */
export function copyExact(
  op: usize,
  literals: u32,
  matchBytes: u32,
  offset: u32,
  limit: usize,
  history: usize,
  scratch: usize,
): i32 {
  const free = <u32>(limit - op);
  if (literals > free || matchBytes > free - literals) return OUTPUT_FULL;
  const literal: usize = load<u32>(scratch, LITERALS_AT);
  memory.copy(op, literal, literals);
  store<u32>(scratch, <u32>literal + literals, LITERALS_AT);
  if (matchBytes === 0) return 0;
  if (offset - 1 >= <u32>(op + literals - history)) return BAD_TOKEN;
  matchExact(op + literals, offset, matchBytes, scratch);
  return 0;
}
