// PackBits: runs of one byte, and literals between them.
//
//   page    = token*
//   token   = literal | run
//   literal = n byte{n + 1}     n = 0 … 127
//   run     = n byte            n = 129 … 255: the byte 257 - n times (2 … 128)
//   n = 128 is reserved.
//
// The encoder makes a run of four or more equal bytes, cut after 128; all other bytes are literal. (PackBits
// itself starts at two or three. On guest memory runs of three are the upper bytes of small numbers: coding
// them saves 0.1 % of the bytes and costs 40 % more tokens.)
import { BAD_TOKEN, OUTPUT_FULL, OVERRUN, SHORT, TRAILING, TRUNCATED } from "../status";

const LONGEST: usize = 128;
const SHORTEST_RUN: usize = 4;
/** Bytes that a token written in 16-byte steps can touch. */
const WIDE_MARGIN: usize = 1 + LONGEST + 16;

/** Bytes of a token that the decoder writes without checking its length. */
const SHORT_BYTES: usize = 32;

export function rleEncode(src: usize, srcBytes: u32, out: usize, capacity: u32): i32 {
  const end: usize = srcBytes;
  const limit = out + capacity;
  let to = out;
  let literal: usize = 0; // start of the bytes not coded yet
  let run: usize = 0; // start of the run that is open
  let inRun: u64 = 0; // 1 when a run is open at the border of two blocks
  let equal = equalToNext(src, end);
  for (let at: usize = 0; at < end; at += 64) {
    const ahead = at + 64 < end ? equalToNext(src + at + 64, end - at - 64) : 0;
    // A bit for every byte that equals the three after it: a run of n bytes shows as n - 3 bits.
    const starts = equal & ((equal >> 1) | (ahead << 63)) & ((equal >> 2) | (ahead << 62));
    let turns = starts ^ ((starts << 1) | inRun);
    equal = ahead;
    if (turns === 0) continue;
    if (!inRun) {
      run = at + <usize>ctz(turns);
      turns &= turns - 1;
    }
    for (;;) {
      if (turns === 0) {
        inRun = 1;
        break;
      }
      const runEnd = at + <usize>ctz(turns) + SHORTEST_RUN - 1;
      turns &= turns - 1;
      if (run > literal) {
        to = putLiterals(to, limit, src + literal, run - literal);
        if (!to) return OUTPUT_FULL;
      }
      to = putRuns(to, limit, load<u8>(src + run), runEnd - run);
      if (!to) return OUTPUT_FULL;
      // After a cut at 128, up to three bytes remain; they start the next literal.
      const left = (runEnd - run) & (LONGEST - 1);
      literal = left < SHORTEST_RUN ? runEnd - left : runEnd;
      if (turns === 0) {
        inRun = 0;
        break;
      }
      run = at + <usize>ctz(turns);
      turns &= turns - 1;
    }
  }
  if (end > literal) {
    to = putLiterals(to, limit, src + literal, end - literal);
    if (!to) return OUTPUT_FULL;
  }
  return <i32>(to - out);
}

/** Return a bit for each of the next 64 bytes that equals the byte after it, up to the page's end. */
function equalToNext(at: usize, left: usize): u64 {
  if (left < 2) return 0; // there is no byte after it
  const low =
    i8x16.bitmask(i8x16.eq(v128.load(at), v128.load(at, 1))) |
    (i8x16.bitmask(i8x16.eq(v128.load(at, 16), v128.load(at, 17))) << 16);
  const high =
    i8x16.bitmask(i8x16.eq(v128.load(at, 32), v128.load(at, 33))) |
    (i8x16.bitmask(i8x16.eq(v128.load(at, 48), v128.load(at, 49))) << 16);
  const bits = <u64>(<u32>low) | ((<u64>(<u32>high)) << 32);
  return left > 64 ? bits : bits & (((<u64>1) << (<u64>(left - 1))) - 1);
}

/** Write `bytes` (1 or more) literal bytes; return the new end, or 0 when they do not fit. */
function putLiterals(to: usize, limit: usize, from: usize, bytes: usize): usize {
  while (bytes > LONGEST) {
    to = putLiteral(to, limit, from, LONGEST);
    if (!to) return 0;
    from += LONGEST;
    bytes -= LONGEST;
  }
  return putLiteral(to, limit, from, bytes);
}

function putLiteral(to: usize, limit: usize, from: usize, bytes: usize): usize {
  if (limit - to >= WIDE_MARGIN) {
    store<u8>(to, bytes - 1);
    v128.store(to, v128.load(from), 1);
    for (let i: usize = 16; i < bytes; i += 16) v128.store(to + i, v128.load(from + i), 1);
  } else {
    if (limit - to < 1 + bytes) return 0;
    store<u8>(to, bytes - 1);
    memory.copy(to + 1, from, bytes);
  }
  return to + 1 + bytes;
}

/**
 * Write run tokens for `bytes` equal bytes while four or more remain; return the new end, or 0 when they do
 * not fit.
 */
function putRuns(to: usize, limit: usize, byte: u32, bytes: usize): usize {
  while (bytes >= SHORTEST_RUN) {
    const run = min(bytes, LONGEST);
    if (limit - to < 2) return 0;
    store<u16>(to, (257 - <u32>run) | (byte << 8));
    to += 2;
    bytes -= run;
  }
  return to;
}

export function rleDecode(src: usize, srcBytes: u32, out: usize, pageBytes: u32): i32 {
  const srcEnd = src + srcBytes;
  const end = out + pageBytes;
  let from = src;
  let to = out;
  // A short token is written as SHORT_BYTES whatever its length, a literal and the run after it in one round;
  // what a token reads past the input is slack, and is detected after the loop. No memory.copy in this loop:
  // V8 spills all locals to the stack around calls.
  if (pageBytes >= <u32>LONGEST) {
    const longEnd = end - LONGEST;
    const wideEnd = end - 2 * SHORT_BYTES;
    while (from < srcEnd) {
      if (to > wideEnd) break;
      let control = <usize>load<u8>(from);
      if (control < LONGEST) {
        v128.store(to, v128.load(from, 1));
        v128.store(to, v128.load(from, 17), 16);
        if (control >= SHORT_BYTES) {
          if (control + 1 >= srcEnd - from) return TRUNCATED;
          if (to > longEnd) break;
          v128.store(to, v128.load(from, 33), 32);
          v128.store(to, v128.load(from, 49), 48);
          if (control >= 64) {
            v128.store(to, v128.load(from, 65), 64);
            v128.store(to, v128.load(from, 81), 80);
            v128.store(to, v128.load(from, 97), 96);
            v128.store(to, v128.load(from, 113), 112);
          }
        }
        to += control + 1;
        from += control + 2;
        if (from >= srcEnd) break;
        if (control >= SHORT_BYTES) continue; // the run takes output as well
        control = <usize>load<u8>(from);
        if (control < LONGEST) continue;
      }
      const fill = v128.load8_splat(from, 1);
      v128.store(to, fill);
      v128.store(to, fill, 16);
      if (control < 257 - SHORT_BYTES) {
        if (control === LONGEST) return BAD_TOKEN;
        if (to > longEnd) break;
        v128.store(to, fill, 32);
        v128.store(to, fill, 48);
        if (control < 257 - 64) {
          v128.store(to, fill, 64);
          v128.store(to, fill, 80);
          v128.store(to, fill, 96);
          v128.store(to, fill, 112);
        }
      }
      to += 257 - control;
      from += 2;
    }
  }
  if (from > srcEnd) return TRUNCATED;
  // The end of the page, where tokens are written to the byte.
  while (from < srcEnd) {
    if (to === end) return TRAILING;
    const control = <usize>load<u8>(from);
    if (control < LONGEST) {
      const bytes = control + 1;
      if (bytes >= srcEnd - from) return TRUNCATED;
      if (bytes > end - to) return OVERRUN;
      memory.copy(to, from + 1, bytes);
      from += 1 + bytes;
      to += bytes;
    } else {
      if (control === LONGEST) return BAD_TOKEN;
      const bytes: usize = 257 - control;
      if (srcEnd - from < 2) return TRUNCATED;
      if (bytes > end - to) return OVERRUN;
      memory.fill(to, load<u8>(from, 1), bytes);
      from += 2;
      to += bytes;
    }
  }
  return to === end ? <i32>pageBytes : SHORT;
}
