// The sequences section of a block: modes and tables of the three codes, then one stream of bits from the
// last sequence to the first. RFC 8878, section 3.1.1.3.2.
import { maskOf } from "./codes";
import { firstState } from "./fse";
import { FSE_LOG, FSE_TRANSFORMS, LITERAL_TABLE, MATCH_TABLE, OFFSET_TABLE } from "./layout";
import { chooseTables } from "./tables";

/** Write the section of `count` sequences; return its end, or 0 when it would pass `limit`. */
export function writeSequences(
  scratch: usize,
  sequences: usize,
  codes: usize,
  count: u32,
  out: usize,
  limit: usize,
): usize {
  if (count < 128) {
    store<u8>(out++, count);
  } else if (count < 0x7f00) {
    store<u16>(out, ((count >> 8) + 128) | ((count & 0xff) << 8));
    out += 2;
  } else {
    store<u32>(out, 0xff | ((count - 0x7f00) << 8));
    out += 3;
  }
  if (count === 0) return out;
  out = chooseTables(scratch, count, out);
  return writeBits(scratch, sequences, codes, count, out, limit);
}

/** More extra bits are stored in two parts: at most 7 + 26 + 30 bits are pending. */
const MAX_JOINED_BITS: u32 = 30;

function writeBits(
  scratch: usize,
  sequences: usize,
  codes: usize,
  count: u32,
  out: usize,
  limit: usize,
): usize {
  const literalTransforms = scratch + LITERAL_TABLE + FSE_TRANSFORMS;
  const offsetTransforms = scratch + OFFSET_TABLE + FSE_TRANSFORMS;
  const matchTransforms = scratch + MATCH_TABLE + FSE_TRANSFORMS;
  let at = codes + (count << 2) - 4;
  let extraAt = sequences + (count << 3) - 8;
  let code = load<u32>(at);
  let literalState = firstState(scratch + LITERAL_TABLE, code & 0xff);
  let matchState = firstState(scratch + MATCH_TABLE, (code >>> 8) & 0xff);
  let offsetState = firstState(scratch + OFFSET_TABLE, (code >>> 16) & 0xff);
  let bits = load<u64>(extraAt);
  let bitCount: u64 = code >>> 24;
  store<u64>(out, bits);
  out += <usize>(bitCount >> 3);
  bits >>= bitCount & 0x38;
  bitCount &= 7;
  while (at > codes) {
    if (out > limit) return 0;
    at -= 4;
    extraAt -= 8;
    code = load<u32>(at);
    let extra = load<u64>(extraAt);
    const offsetTransform = load<u64>(offsetTransforms + (((code >>> 16) & 0xff) << 3));
    const matchTransform = load<u64>(matchTransforms + (((code >>> 8) & 0xff) << 3));
    const literalTransform = load<u64>(literalTransforms + ((code & 0xff) << 3));
    const offsetWidth = (offsetState + <u32>offsetTransform) >>> 16;
    const matchWidth = (matchState + <u32>matchTransform) >>> 16;
    const literalWidth = (literalState + <u32>literalTransform) >>> 16;
    const lower = offsetWidth + matchWidth;
    const stateBits =
      (offsetState & maskOf(scratch, offsetWidth)) |
      ((matchState & maskOf(scratch, matchWidth)) << offsetWidth) |
      ((literalState & maskOf(scratch, literalWidth)) << lower);
    offsetState = load<u16>(<usize>(offsetTransform >> 32) + ((offsetState >>> offsetWidth) << 1));
    matchState = load<u16>(<usize>(matchTransform >> 32) + ((matchState >>> matchWidth) << 1));
    literalState = load<u16>(<usize>(literalTransform >> 32) + ((literalState >>> literalWidth) << 1));
    bits |= (<u64>stateBits) << bitCount;
    bitCount += lower + literalWidth;
    let extraBits: u64 = code >>> 24;
    if (extraBits > MAX_JOINED_BITS) {
      store<u64>(out, bits);
      out += <usize>(bitCount >> 3);
      bits = (bits >> (bitCount & 0x38)) | ((extra & 0xffffff) << (bitCount & 7));
      bitCount = (bitCount & 7) + 24;
      store<u64>(out, bits);
      out += <usize>(bitCount >> 3);
      bits >>= bitCount & 0x38;
      bitCount &= 7;
      extra >>= 24;
      extraBits -= 24;
    }
    bits |= extra << bitCount;
    bitCount += extraBits;
    store<u64>(out, bits);
    out += <usize>(bitCount >> 3);
    bits >>= bitCount & 0x38;
    bitCount &= 7;
  }
  const literalLog = load<u32>(scratch + LITERAL_TABLE + FSE_LOG);
  const matchLog = load<u32>(scratch + MATCH_TABLE + FSE_LOG);
  const offsetLog = load<u32>(scratch + OFFSET_TABLE + FSE_LOG);
  bits |= (<u64>(matchState & ((1 << matchLog) - 1))) << bitCount;
  bitCount += matchLog;
  bits |= (<u64>(offsetState & ((1 << offsetLog) - 1))) << bitCount;
  bitCount += offsetLog;
  bits |= (<u64>(literalState & ((1 << literalLog) - 1))) << bitCount;
  bitCount += literalLog;
  bits |= (<u64>1) << bitCount;
  bitCount++;
  store<u64>(out, bits);
  out += <usize>((bitCount + 7) >> 3);
  return out > limit ? 0 : out;
}
