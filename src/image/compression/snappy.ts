// Snappy's raw format (google/snappy, format_description.txt):
//
//     block    = content bytes ULEB128 | { element }
//     element  = literal | copy
//     literal  = (length - 1) << 2 | 0: u8, or 60 … 63 << 2: length - 1 in 1 … 4 bytes | bytes
//     copy     = high(offset) 3 | length - 4 3 | 1: u8 | low(offset) u8      length 4 … 11
//              | (length - 1) << 2 | 2: u8 | offset u16
//              | (length - 1) << 2 | 3: u8 | offset u32

/** Return the size of a block's content, or -1 if it is not a number of at most 32 bits. */
export function snappyContentBytes(block: Uint8Array): number {
  let value = 0;
  for (let i = 0; i < 5 && i < block.length; i++) {
    const byte = block[i]!;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return value <= 0xffffffff ? value : -1;
  }
  return -1;
}

/**
 * Decode a block whose content has exactly `out.length` bytes. Returns whether the block is sound; otherwise
 * `out` holds anything.
 */
export function decodeSnappy(block: Uint8Array, out: Uint8Array): boolean {
  if (snappyContentBytes(block) !== out.length) return false;
  let at = 0;
  while (block[at]! >= 0x80) at++;
  at++;
  let to = 0;
  while (at < block.length) {
    const tag = block[at++]!;
    const kind = tag & 3;
    if (kind === 0) {
      let length = tag >> 2;
      if (length >= 60) {
        const bytes = length - 59;
        if (bytes > block.length - at) return false;
        length = littleEndian(block, at, bytes);
        at += bytes;
      }
      length++;
      if (length > block.length - at || length > out.length - to) return false;
      out.set(block.subarray(at, at + length), to);
      at += length;
      to += length;
      continue;
    }
    const operandBytes = kind === 1 ? 1 : kind === 2 ? 2 : 4;
    if (operandBytes > block.length - at) return false;
    const operand = littleEndian(block, at, operandBytes);
    at += operandBytes;
    const offset = kind === 1 ? ((tag >> 5) << 8) | operand : operand;
    const length = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    if (!copyBack(out, to, offset, length)) return false;
    to += length;
  }
  return to === out.length;
}

/**
 * Copy `length` bytes that are `offset` bytes before `to`; the two may overlap, which repeats bytes. Returns
 * false if they are not all in `out`.
 */
export function copyBack(out: Uint8Array, to: number, offset: number, length: number): boolean {
  if (offset === 0 || offset > to || length > out.length - to) return false;
  if (offset >= length) out.copyWithin(to, to - offset, to - offset + length);
  else for (let i = to; i < to + length; i++) out[i] = out[i - offset]!;
  return true;
}

function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = count - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!;
  return value;
}
