// XBZRLE, the delta format of QEMU's migration stream: the changes against a base page that sender and
// receiver hold.
//
//   delta  = [zrun nzrun (zrun nzrun)*]     empty when nothing changed
//   zrun   = length                         unchanged bytes; 0 only at the very start
//   nzrun  = length byte{length}            the new bytes; at least 1
//   length = ULEB128, shortest form: 1 byte to 0x7f, 2 to 0x3fff, 3 above (our extension for pages over
//            16383 bytes)
//
// The unchanged bytes after the last nzrun are not coded. The encoder is exact to the byte: every unchanged
// byte ends a nzrun, so there is one encoding of a change, and at 4 KiB it is the one that QEMU's byte-wise
// encoder writes.
import { BAD_TOKEN, OUTPUT_FULL, OVERRUN, TRAILING, TRUNCATED } from "../status";

/** Bytes that are scanned at once: 64 blocks of 64 bytes, a bit for each. */
const PART: usize = 4096;

/** Encode the changes; return their bytes (0 when page and base are identical) or a status. */
export function xbzrleEncode(base: usize, page: usize, pageBytes: u32, out: usize, capacity: u32): i32 {
  const end: usize = page + pageBytes;
  const limit = out + capacity;
  const shortLimit = limit - (3 + 128); // up to here a short pair fits
  base -= page; // the distance from a byte of the page to that byte of the base
  let to = out;
  let coded = page; // end of the last nzrun
  let run: usize = 0; // start of the nzrun that is open
  let inRun: u64 = 0; // 1 when a nzrun is open at the border of two blocks
  let at = page;
  while (at < end) {
    // Most blocks of most pages are unchanged. Those that are not are found without branches, which would be
    // mispredicted.
    let blocks = changedBlocks(base, at, min<usize>(end - at, PART));
    const next = at + PART;
    while (blocks) {
      const skipped = ctz(blocks);
      at += (<usize>skipped) << 6;
      blocks >>= skipped;
      let changed = changedBytes(base + at, at);
      if (end - at < 64) changed &= ((<u64>1) << (<u64>(end - at))) - 1;
      // A bit wherever a run of changed bytes starts or ends.
      let turns = changed ^ ((changed << 1) | inRun);
      if (!inRun) {
        run = at + <usize>ctz(turns);
        turns &= turns - 1;
      }
      // A run that continues has to be closed in the next block, even if that block is unchanged or beyond
      // this part or the page.
      blocks -= 1;
      if ((changed >> 62) & ~blocks & 2) blocks |= 2;
      inRun = changed >> 63;
      while (turns) {
        const runEnd = at + <usize>ctz(turns);
        turns &= turns - 1;
        const zrun = run - coded;
        const nzrun = runEnd - run;
        coded = runEnd;
        if (((zrun >>> 7) | nzrun | ((shortLimit - to) >>> 24)) < 0x80) {
          const long = usize(zrun > 0x7f);
          store<u16>(to, zrun + (zrun & 0x3f80) + (long << 7));
          to += long;
          store<u8>(to, nzrun, 1);
          v128.store(to, v128.load(run), 2);
          v128.store(to, v128.load(run, 16), 18);
          for (let i: usize = 32; i < nzrun; i += 16) v128.store(to + i, v128.load(run + i), 2);
          to += 2 + nzrun;
        } else {
          to = putRuns(to, limit, zrun, run, nzrun);
          if (!to) return OUTPUT_FULL;
        }
        run = at + <usize>ctz(turns);
        turns &= turns - 1;
      }
    }
    at = max<usize>(at + 64, next);
  }
  return <i32>(to - out);
}

/**
 * Return a bit for each block of 64 bytes that differs; the last block may be shorter, and may count as
 * changed.
 */
function changedBlocks(base: usize, page: usize, bytes: usize): u64 {
  const unused = <u64>((0 - bytes) >>> 6);
  let equal: u64 = 0;
  const end = page + bytes;
  while (end - page >= 128) {
    // Narrowing saturates: a lane that is not zero stays non-zero.
    const two = i8x16.narrow_i16x8_s(difference(base + page, page), difference(base + page + 64, page + 64));
    equal = (equal >> 2) | ((<u64>i64x2.bitmask(i64x2.eq(two, i64x2.splat(0)))) << 62);
    page += 128;
  }
  for (; page < end; page += 64)
    equal = (equal >> 1) | ((<u64>!v128.any_true(difference(base + page, page))) << 63);
  return ~equal >> unused;
}

/** Return the differing bits of 64 bytes, combined by or. */
function difference(base: usize, page: usize): v128 {
  const a = v128.xor(v128.load(base), v128.load(page));
  const b = v128.xor(v128.load(base, 16), v128.load(page, 16));
  const c = v128.xor(v128.load(base, 32), v128.load(page, 32));
  const d = v128.xor(v128.load(base, 48), v128.load(page, 48));
  return v128.or(v128.or(a, b), v128.or(c, d));
}

/** Return a bit for each of 64 bytes that differs. */
function changedBytes(base: usize, page: usize): u64 {
  const a = i8x16.bitmask(i8x16.eq(v128.load(base), v128.load(page)));
  const b = i8x16.bitmask(i8x16.eq(v128.load(base, 16), v128.load(page, 16)));
  const c = i8x16.bitmask(i8x16.eq(v128.load(base, 32), v128.load(page, 32)));
  const d = i8x16.bitmask(i8x16.eq(v128.load(base, 48), v128.load(page, 48)));
  return ~(<u64>(<u32>(a | (b << 16))) | ((<u64>(<u32>(c | (d << 16)))) << 32));
}

/** Write one pair of runs of any lengths; return the new end, or 0 when it does not fit. */
function putRuns(to: usize, limit: usize, zrun: usize, from: usize, nzrun: usize): usize {
  if (limit - to < lengthBytes(zrun) + lengthBytes(nzrun) + nzrun) return 0;
  to = putLength(putLength(to, zrun), nzrun);
  memory.copy(to, from, nzrun);
  return to + nzrun;
}

function lengthBytes(length: usize): usize {
  return 1 + usize(length > 0x7f) + usize(length > 0x3fff);
}

function putLength(to: usize, length: usize): usize {
  while (length > 0x7f) {
    store<u8>(to++, (length & 0x7f) | 0x80);
    length >>>= 7;
  }
  store<u8>(to, length);
  return to + 1;
}

/** Decode in place: `page` holds the base before and the new page after. Return `pageBytes` or a status. */
export function xbzrleDecode(src: usize, srcBytes: u32, page: usize, pageBytes: u32): i32 {
  const srcEnd = src + srcBytes;
  const end = page + pageBytes;
  let from = src;
  let to = page;
  while (from < srcEnd) {
    if (to === end) return TRAILING;
    let zrun = <usize>load<u8>(from);
    if (zrun > 0x7f) {
      // usually two bytes
      const second = <usize>load<u8>(from, 1);
      if (second - 1 < 0x7f && srcEnd - from >= 2) {
        zrun = (zrun & 0x7f) | (second << 7);
        from++;
      } else {
        const length = longLength(from, srcEnd);
        if (length < 0) return length;
        zrun = <usize>length;
        from += lengthBytes(zrun) - 1;
      }
    }
    if (zrun === 0 && from !== src) return BAD_TOKEN;
    if (zrun > end - to) return OVERRUN;
    from++;
    to += zrun;
    if (from >= srcEnd) return TRUNCATED;
    let nzrun = <usize>load<u8>(from);
    if (nzrun > 0x7f) {
      const length = longLength(from, srcEnd);
      if (length < 0) return length;
      nzrun = <usize>length;
      from += lengthBytes(nzrun) - 1;
    }
    from++;
    if (nzrun === 0) return BAD_TOKEN;
    if (nzrun > end - to) return OVERRUN;
    if (nzrun > srcEnd - from) return TRUNCATED;
    patch(to, from, nzrun);
    to += nzrun;
    from += nzrun;
  }
  return <i32>pageBytes;
}

/** Return a ULEB128 of two or three bytes, or a status. */
function longLength(from: usize, srcEnd: usize): i32 {
  if (srcEnd - from < 2) return TRUNCATED;
  const second = <usize>load<u8>(from, 1);
  if (second === 0) return BAD_TOKEN;
  const length = (<usize>load<u8>(from) & 0x7f) | ((second & 0x7f) << 7);
  if (second < 0x80) return <i32>length;
  if (srcEnd - from < 3) return TRUNCATED;
  const third = <usize>load<u8>(from, 2);
  return third === 0 || third > 0x7f ? BAD_TOKEN : <i32>(length | (third << 14));
}

/**
 * Write new bytes and no byte more: the bytes after them are base and must stay. The base is never loaded (a
 * blend would wait for memory, stores do not); the length classes are those of changed words.
 */
function patch(to: usize, from: usize, bytes: usize): void {
  if (bytes > 16) {
    for (let i: usize = 0; i < bytes - 16; i += 16) v128.store(to + i, v128.load(from + i));
    v128.store(to + bytes - 16, v128.load(from + bytes - 16));
  } else if (bytes > 8) {
    store<u64>(to, load<u64>(from));
    store<u64>(to + bytes - 8, load<u64>(from + bytes - 8));
  } else if (bytes >= 4) {
    store<u32>(to, load<u32>(from));
    store<u32>(to + bytes - 4, load<u32>(from + bytes - 4));
  } else {
    store<u8>(to, load<u8>(from));
    store<u8>(to + (bytes >> 1), load<u8>(from + (bytes >> 1)));
    store<u8>(to + bytes - 1, load<u8>(from + bytes - 1));
  }
}
