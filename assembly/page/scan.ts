// Classes of pages (filled with one byte or not), and comparison of two pages.
//
//   class = 0              normal page
//         | 0x100 | byte   every byte of the page is that byte
//
// Most pages that are neither filled nor equal show it in their first, middle or last word; the rest is read
// 128 bytes at a time, with one branch for all of them.
import { CLASS_FILL, CLASS_NORMAL } from "../layout";

export function scanPages(src: usize, pageCount: u32, pageBytes: u32, classes: usize): u32 {
  let normal: u32 = 0;
  for (let i: u32 = 0; i < pageCount; i++) {
    const fill = fillByte(src, pageBytes);
    normal += <u32>(fill < 0);
    store<u16>(classes, fill < 0 ? CLASS_NORMAL : CLASS_FILL | <u32>fill);
    src += pageBytes;
    classes += 2;
  }
  return normal;
}

export function fillByte(src: usize, bytes: u32): i32 {
  const byte = <u32>load<u8>(src);
  if (bytes < 16) return fillsFew(src, bytes, byte);
  const word = <u64>byte * (u64.MAX_VALUE / 255);
  if (
    load<u64>(src) !== word ||
    load<u64>(src + (bytes >>> 1)) !== word ||
    load<u64>(src + bytes - 8) !== word
  )
    return -1;
  return (byte === 0 ? isZero(src, bytes) : isFilled(src, bytes, i8x16.splat(<i8>byte))) ? <i32>byte : -1;
}

function fillsFew(src: usize, bytes: u32, byte: u32): i32 {
  for (let i: u32 = 1; i < bytes; i++) {
    if (<u32>load<u8>(src + i) !== byte) return -1;
  }
  return <i32>byte;
}

/** Compare at least 16 bytes; the last 16 are read separately and may overlap. */
function isZero(src: usize, bytes: u32): bool {
  const last = src + bytes - 16;
  const blocksEnd = src + (bytes & ~127);
  const pairsEnd = src + (bytes & ~255);
  while (src < pairsEnd) {
    let a = v128.or(
      v128.or(v128.load(src), v128.load(src, 16)),
      v128.or(v128.load(src, 32), v128.load(src, 48)),
    );
    let b = v128.or(
      v128.or(v128.load(src, 64), v128.load(src, 80)),
      v128.or(v128.load(src, 96), v128.load(src, 112)),
    );
    a = v128.or(
      a,
      v128.or(
        v128.or(v128.load(src, 128), v128.load(src, 144)),
        v128.or(v128.load(src, 160), v128.load(src, 176)),
      ),
    );
    b = v128.or(
      b,
      v128.or(
        v128.or(v128.load(src, 192), v128.load(src, 208)),
        v128.or(v128.load(src, 224), v128.load(src, 240)),
      ),
    );
    if (v128.any_true(v128.or(a, b))) return false;
    src += 256;
  }
  while (src < blocksEnd) {
    const a = v128.or(
      v128.or(v128.load(src), v128.load(src, 16)),
      v128.or(v128.load(src, 32), v128.load(src, 48)),
    );
    const b = v128.or(
      v128.or(v128.load(src, 64), v128.load(src, 80)),
      v128.or(v128.load(src, 96), v128.load(src, 112)),
    );
    if (v128.any_true(v128.or(a, b))) return false;
    src += 128;
  }
  let rest = v128.load(last);
  for (; src < last; src += 16) rest = v128.or(rest, v128.load(src));
  return !v128.any_true(rest);
}

function isFilled(src: usize, bytes: u32, fill: v128): bool {
  const last = src + bytes - 16;
  const blocksEnd = src + (bytes & ~127);
  while (src < blocksEnd) {
    const a = differs4(v128.load(src), v128.load(src, 16), v128.load(src, 32), v128.load(src, 48), fill);
    const b = differs4(v128.load(src, 64), v128.load(src, 80), v128.load(src, 96), v128.load(src, 112), fill);
    if (v128.any_true(v128.or(a, b))) return false;
    src += 128;
  }
  let rest = v128.xor(v128.load(last), fill);
  for (; src < last; src += 16) rest = v128.or(rest, v128.xor(v128.load(src), fill));
  return !v128.any_true(rest);
}

function differs4(a: v128, b: v128, c: v128, d: v128, fill: v128): v128 {
  return v128.or(
    v128.or(v128.xor(a, fill), v128.xor(b, fill)),
    v128.or(v128.xor(c, fill), v128.xor(d, fill)),
  );
}

export function pagesEqual(a: usize, b: usize, bytes: u32): u32 {
  if (bytes < 16) return equalFew(a, b, bytes);
  const toLast = bytes - 16;
  let rest = differ16(a + toLast, b + toLast);
  if (v128.any_true(v128.or(rest, differ16(a, b)))) return 0;
  const last = a + toLast;
  const blocksEnd = a + (bytes & ~127);
  while (a < blocksEnd) {
    const near = v128.or(differ32(a, b), differ32(a + 32, b + 32));
    const far = v128.or(differ32(a + 64, b + 64), differ32(a + 96, b + 96));
    if (v128.any_true(v128.or(near, far))) return 0;
    a += 128;
    b += 128;
  }
  for (; a < last; a += 16, b += 16) rest = v128.or(rest, differ16(a, b));
  return <u32>!v128.any_true(rest);
}

function differ16(a: usize, b: usize): v128 {
  return v128.xor(v128.load(a), v128.load(b));
}

function differ32(a: usize, b: usize): v128 {
  return v128.or(v128.xor(v128.load(a), v128.load(b)), v128.xor(v128.load(a, 16), v128.load(b, 16)));
}

function equalFew(a: usize, b: usize, bytes: u32): u32 {
  for (let i: u32 = 0; i < bytes; i++) {
    if (load<u8>(a + i) !== load<u8>(b + i)) return 0;
  }
  return 1;
}

/**
 * Copy `bytes` bytes; the ranges may overlap. For a memory that threads share: JavaScript's `copyWithin` and
 * `set` copy it word by word there, several times slower.
 */
export function copyBytes(to: usize, from: usize, bytes: usize): void {
  memory.copy(to, from, bytes);
}
