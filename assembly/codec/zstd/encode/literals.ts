// The literals section of a block: raw, one repeated byte, or Huffman-coded in one or four streams with a
// new code or that of an earlier block. RFC 8878, section 3.1.1.3.1.
import { countBytes } from "./count-bytes";
import { bitsWithCodes, buildCodes, codeLengths, MAX_CODE_BITS, NEVER } from "./huffman";
import { MIN_FOUR_STREAMS, writeStreams } from "./huffman-streams";
import { writeWeights } from "./huffman-table";
import { STATE_GAIN_SHIFT, STATE_HUFFMAN_BITS, STATE_SEQUENCES, THOROUGH_GAIN_SHIFT } from "./layout";

const RAW: u32 = 0;
const RLE: u32 = 1;
const CODED: u32 = 2;
const TREELESS: u32 = 3;
/** Fewer literals are not coded: the description of a code takes more than it saves. */
const MIN_CODED: u32 = 48;
const MIN_TREELESS: u32 = 16;
/** From this on a sample may show that literals cannot be coded. */
const MIN_SAMPLED: u32 = 3072;
const SAMPLE_BYTES: u32 = 1536;
const MIN_SAMPLED_ENDS: u32 = 16384;

/** Write the literals section; return its end. Up to 16 bytes after it may be written too. */
export function writeLiterals(scratch: usize, literals: usize, count: u32, out: usize, isRaw: bool): usize {
  const hasCode = load<u32>(scratch + STATE_HUFFMAN_BITS) !== 0;
  const least = hasCode ? MIN_TREELESS : MIN_CODED;
  if (isRaw || count < least) return writeRaw(literals, count, out);
  if (count >= MIN_SAMPLED && looksRandom(scratch, literals, count)) return writeRaw(literals, count, out);
  const found = countBytes(scratch, literals, count);
  const last = found & 0xff;
  const most = found >>> 8;
  if (most === count) return writeRepeated(literals, count, out);
  const earlierBytes: u32 = hasCode ? bitsWithCodes(scratch, last) >>> 3 : NEVER;
  const body = out + headBytes(count);
  let streams: usize = 0;
  let newBytes = NEVER;
  // Values that are all about as frequent are not worth a new code.
  if (count >= MIN_CODED && most > (count >>> 7) + 4) {
    const isThorough = load<u32>(scratch + STATE_GAIN_SHIFT) === THOROUGH_GAIN_SHIFT;
    const limit = isThorough ? bestCodeBits(scratch, last, body) : codeBitsFor(count, last);
    const lengths = codeLengths(scratch, last, limit);
    const largest = lengths & 0xff;
    newBytes = lengths >>> 11;
    if (newBytes < earlierBytes && newBytes < count) streams = writeWeights(scratch, last, largest, body);
    if (streams !== 0) {
      newBytes += <u32>(streams - body);
      if (newBytes >= earlierBytes) streams = 0;
      else if (newBytes + minGain(scratch, count) <= count) buildCodes(scratch, last, largest);
    }
  }
  if (min(newBytes, earlierBytes) > count - minGain(scratch, count)) return writeRaw(literals, count, out);
  if (streams !== 0) {
    store<u32>(scratch + STATE_HUFFMAN_BITS, 1);
    return writeCoded(scratch, literals, count, CODED, out, streams);
  }
  return writeCoded(scratch, literals, count, TREELESS, out, body);
}

/** Whether there are few matches and samples of the literals, of the end too in large blocks, are flat. */
function looksRandom(scratch: usize, literals: usize, count: u32): bool {
  if (count >>> 4 <= load<u32>(scratch + STATE_SEQUENCES)) return false;
  const sample = max(SAMPLE_BYTES, count >>> 4);
  const flat = (sample >>> 7) + 4;
  if (countBytes(scratch, literals, sample) >>> 8 > flat) return false;
  return count < MIN_SAMPLED_ENDS || countBytes(scratch, literals + count - sample, sample) >>> 8 <= flat;
}

/** Return the bytes that coded literals must save: their decoder is slower than a copy. */
function minGain(scratch: usize, count: u32): u32 {
  return (count >>> load<u32>(scratch + STATE_GAIN_SHIFT)) + (count < MIN_FOUR_STREAMS ? 2 : 11);
}

/** Return the limit of code lengths that takes the fewest bytes, the description included. */
function bestCodeBits(scratch: usize, last: u32, body: usize): u32 {
  let best = MAX_CODE_BITS;
  let least = NEVER;
  for (let bits = MAX_CODE_BITS; bits >= 33 - <u32>clz(last | 1); bits--) {
    const lengths = codeLengths(scratch, last, bits);
    const end = writeWeights(scratch, last, lengths & 0xff, body);
    const bytes = (lengths >>> 11) + <u32>(end - body);
    if (end === 0 || bytes >= least) continue;
    least = bytes;
    best = bits;
  }
  return best;
}

/** Return the limit of code lengths that suits the number of literals: few do not need long codes. */
function codeBitsFor(count: u32, last: u32): u32 {
  const bySource: i32 = 31 - <i32>clz(count - 1) - 1;
  const least: i32 = min<i32>(32 - <i32>clz(count), 33 - <i32>clz(last | 1));
  return <u32>min<i32>(MAX_CODE_BITS, max<i32>(least, bySource));
}

function headBytes(count: u32): usize {
  return count < 1024 ? 3 : count < 16384 ? 4 : 5;
}

function writeCoded(
  scratch: usize,
  literals: usize,
  count: u32,
  type: u32,
  out: usize,
  streams: usize,
): usize {
  const end = writeStreams(scratch, literals, count, streams);
  const head = headBytes(count);
  const coded: u64 = end - out - head;
  const isFour = count >= MIN_FOUR_STREAMS;
  if (head === 3) {
    const fields = type | ((<u32>isFour) << 2) | (count << 4) | ((<u32>coded) << 14);
    store<u16>(out, fields);
    store<u8>(out + 2, fields >>> 16);
  } else if (head === 4) {
    store<u32>(out, type | (2 << 2) | (count << 4) | ((<u32>coded) << 18));
  } else {
    const fields = <u64>type | (3 << 2) | ((<u64>count) << 4) | (coded << 22);
    store<u32>(out, <u32>fields);
    store<u8>(out + 4, <u32>(fields >> 32));
  }
  return end;
}

function writeRaw(literals: usize, count: u32, out: usize): usize {
  const at = putPlainHead(RAW, count, out);
  memory.copy(at, literals, count);
  return at + count;
}

function writeRepeated(literals: usize, count: u32, out: usize): usize {
  const at = putPlainHead(RLE, count, out);
  store<u8>(at, load<u8>(literals));
  return at + 1;
}

function putPlainHead(type: u32, count: u32, out: usize): usize {
  if (count < 32) {
    store<u8>(out, type | (count << 3));
    return out + 1;
  }
  if (count < 4096) {
    store<u16>(out, type | (1 << 2) | (count << 4));
    return out + 2;
  }
  store<u32>(out, type | (3 << 2) | (count << 4));
  return out + 3;
}
