// The LZ4 decoder: a fast loop while input and output end far ahead, then a careful loop that checks every
// access. Sequences that the fast loop cannot prove safe go to the careful loop.
import { BAD_TOKEN, OVERRUN, SHORT, TRAILING, TRUNCATED } from "../../status";

/** Bytes of a token, 14 literals, an offset and one byte of a match length. */
const SRC_MARGIN: u32 = 18;
/** Bytes of 14 literals and of the 32 that a short match may touch, wild stores included. */
const OUT_MARGIN: u32 = 48;
/**
 * Largest input: below it the u32 sums of length bytes cannot wrap, and a block of 65536 bytes never has
 * more.
 */
const MAX_SRC_BYTES: u32 = 1 << 24;

// Row n: the 16 bytes that repeat the first n bytes of a vector; row 0 is the identity, for offsets of 16 and
// more.
// biome-ignore format: one row a line
const PATTERNS: usize = memory.data<u8>([
   0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15,
   0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
   0,  1,  0,  1,  0,  1,  0,  1,  0,  1,  0,  1,  0,  1,  0,  1,
   0,  1,  2,  0,  1,  2,  0,  1,  2,  0,  1,  2,  0,  1,  2,  0,
   0,  1,  2,  3,  0,  1,  2,  3,  0,  1,  2,  3,  0,  1,  2,  3,
   0,  1,  2,  3,  4,  0,  1,  2,  3,  4,  0,  1,  2,  3,  4,  0,
   0,  1,  2,  3,  4,  5,  0,  1,  2,  3,  4,  5,  0,  1,  2,  3,
   0,  1,  2,  3,  4,  5,  6,  0,  1,  2,  3,  4,  5,  6,  0,  1,
   0,  1,  2,  3,  4,  5,  6,  7,  0,  1,  2,  3,  4,  5,  6,  7,
   0,  1,  2,  3,  4,  5,  6,  7,  8,  0,  1,  2,  3,  4,  5,  6,
   0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  0,  1,  2,  3,  4,  5,
   0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10,  0,  1,  2,  3,  4,
   0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11,  0,  1,  2,  3,
   0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12,  0,  1,  2,
   0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13,  0,  1,
   0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,  0,
], 16);
// Bytes that row n's 16 bytes advance the match: the largest multiple of n up to 16.
const STRIDES: usize = memory.data<u8>([16, 16, 16, 15, 16, 15, 12, 14, 16, 9, 10, 11, 12, 13, 14, 15], 16);

/** Decode exactly `blockBytes` bytes; return `blockBytes` or a status. */
export function lz4Decode(src: usize, srcBytes: u32, out: usize, blockBytes: u32): i32 {
  if (srcBytes > MAX_SRC_BYTES) return OVERRUN;
  let ip = src;
  let op = out;
  const srcEnd = src + srcBytes;
  const outEnd = out + blockBytes;
  if (srcBytes <= SRC_MARGIN || blockBytes <= OUT_MARGIN) return decodeCareful(ip, srcEnd, out, op, outEnd);
  const srcFar = srcEnd - SRC_MARGIN;
  const outFar = outEnd - OUT_MARGIN;
  // ip and op move only when a sequence is complete, so that after a break the careful loop decodes all of
  // it. Both differences are negative while both ends are far ahead: one branch.
  while (<i32>((ip - srcFar) & (op - outFar)) < 0) {
    const token: u32 = load<u8>(ip);
    let p = ip + 1;
    let q = op;
    let literals = token >> 4;
    v128.store(q, v128.load(p));
    if (literals === 15) {
      let byte: u32 = load<u8>(p++);
      literals += byte;
      while (byte === 255 && p < srcFar) {
        byte = load<u8>(p++);
        literals += byte;
      }
      if (p >= srcFar || literals >= <u32>(srcFar - p) || literals >= <u32>(outFar - q)) break;
      copyWild(q, p, q + literals);
    }
    p += literals;
    q += literals;
    const offset: u32 = load<u16>(p);
    p += 2;
    if (offset > <u32>(q - out)) return BAD_TOKEN;
    const m = q - offset;
    let matchBytes = (token & 15) + 4;
    if (matchBytes !== 19) {
      if (offset >= 8) {
        store<u64>(q, load<u64>(m));
        store<u64>(q, load<u64>(m, 8), 8);
        store<u16>(q, load<u16>(m, 16), 16);
      } else {
        if (offset === 0) return BAD_TOKEN;
        const repeated = v128.swizzle(v128.load(m), v128.load(PATTERNS + (offset << 4)));
        v128.store(q, repeated);
        v128.store(q + load<u8>(STRIDES + offset), repeated);
      }
    } else {
      if (offset === 0) return BAD_TOKEN;
      if (p >= srcFar) break;
      let byte: u32 = load<u8>(p++);
      matchBytes += byte;
      while (byte === 255 && p < srcFar) {
        byte = load<u8>(p++);
        matchBytes += byte;
      }
      if (byte === 255 || q >= outFar || matchBytes >= <u32>(outFar - q)) break;
      if (offset >= 16) copyWild(q, m, q + matchBytes);
      else repeatWild(q, m, offset, q + matchBytes);
    }
    ip = p;
    op = q + matchBytes;
  }
  return decodeCareful(ip, srcEnd, out, op, outEnd);
}

/** Copy 16 bytes at a time until `end` is reached or passed. */
function copyWild(to: usize, from: usize, end: usize): void {
  do {
    v128.store(to, v128.load(from));
    to += 16;
    from += 16;
  } while (to < end);
}

/** Repeat the `offset` (below 16) bytes at `m` until `end` is reached or passed. */
function repeatWild(to: usize, m: usize, offset: u32, end: usize): void {
  const repeated = v128.swizzle(v128.load(m), v128.load(PATTERNS + (offset << 4)));
  const stride: usize = load<u8>(STRIDES + offset);
  do {
    v128.store(to, repeated);
    to += stride;
  } while (to < end);
}

/** The careful loop: check before every access, write nothing past `outEnd`. Starts at a token. */
function decodeCareful(ip: usize, srcEnd: usize, out: usize, op: usize, outEnd: usize): i32 {
  const wide = outEnd - out >= 16;
  while (ip < srcEnd) {
    const token: u32 = load<u8>(ip++);
    let literals = token >> 4;
    if (literals === 15) {
      let byte: u32 = 255;
      while (byte === 255) {
        if (ip >= srcEnd) return TRUNCATED;
        byte = load<u8>(ip++);
        literals += byte;
      }
    }
    if (literals > <u32>(srcEnd - ip)) return TRUNCATED;
    if (literals > <u32>(outEnd - op)) return op === outEnd ? TRAILING : OVERRUN;
    if (wide && literals <= 16) storeClipped(op, outEnd, v128.load(ip));
    else memory.copy(op, ip, literals);
    op += literals;
    ip += literals;
    if (ip === srcEnd) return op === outEnd ? <i32>(op - out) : SHORT;
    if (op === outEnd) return TRAILING;
    if (<u32>(srcEnd - ip) < 2) return TRUNCATED;
    const offset: u32 = load<u16>(ip);
    ip += 2;
    if (offset === 0 || offset > <u32>(op - out)) return BAD_TOKEN;
    let matchBytes = (token & 15) + 4;
    if (matchBytes === 19) {
      let byte: u32 = 255;
      while (byte === 255) {
        if (ip >= srcEnd) return TRUNCATED;
        byte = load<u8>(ip++);
        matchBytes += byte;
      }
    }
    if (matchBytes > <u32>(outEnd - op)) return OVERRUN;
    const end = op + matchBytes;
    if (wide) matchClipped(op, offset, end, outEnd);
    else for (let to = op; to < end; to++) store<u8>(to, load<u8>(to - offset));
    op = end;
  }
  // A block ends with literals, possibly none: this one ends after a match, or before its first token.
  return op === outEnd ? TRUNCATED : SHORT;
}

/** Copy a match of any offset, 16 bytes at a time. */
function matchClipped(op: usize, offset: u32, end: usize, outEnd: usize): void {
  let m = op - offset;
  const row: u32 = offset < 16 ? offset : 0;
  const forward: usize = row === 0 ? 16 : 0;
  const pattern = v128.load(PATTERNS + (row << 4));
  const stride: usize = load<u8>(STRIDES + row);
  do {
    // Nothing is read past the page's end either: those bytes would not be stored.
    const window = min(m, outEnd - 16);
    const lanes = v128.add<u8>(pattern, v128.splat<u8>(<u8>(m - window)));
    storeClipped(op, outEnd, v128.swizzle(v128.load(window), lanes));
    op += stride;
    m += forward;
  } while (op < end);
}

/**
 * Store those of the 16 bytes that are before `outEnd`, in a block of at least 16 bytes, by reading and
 * writing a whole vector.
 */
function storeClipped(to: usize, outEnd: usize, bytes: v128): void {
  const window = min(to, outEnd - 16);
  // Lane i of the window takes byte i - shift; where that is negative, swizzle gives 0 and the old byte
  // stays.
  const from = v128.sub<u8>(v128.load(PATTERNS), v128.splat<u8>(<u8>(to - window)));
  const old = v128.lt<i8>(from, v128.splat<i8>(0));
  v128.store(window, v128.bitselect(v128.load(window), v128.swizzle(bytes, from), old));
}
