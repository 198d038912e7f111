// A page as zlib compresses it at level 1 (compress2, Z_BEST_SPEED), byte for byte: what QEMU and
// makedumpfile write. Node's own zlib has other hash functions, and so other matches. RFC 1950 and 1951 leave
// the choice of matches and codes to the encoder; this one makes the choices of zlib 1.2 and 1.3. A page of
// another encoder gets other bytes, which the caller has to compare.
import { assignCodes, PrefixCode } from './huffman.js';
import {
  DISTANCE_BASE,
  DISTANCE_CODE,
  DISTANCE_CODES,
  DISTANCE_EXTRA,
  END_OF_BLOCK,
  FIRST_LENGTH_CODE,
  LENGTH_BASE,
  LENGTH_CODE,
  LENGTH_CODES,
  LENGTH_EXTRA,
} from './symbols.js';

/** Largest input, which fits into half of the window. */
export const MAX_DEFLATED_BYTES = 1 << 14;
/** A block has fewer symbols. */
const MAX_SYMBOLS = (1 << 14) - 1;
const MIN_MATCH = 3;
const MAX_MATCH = 258;
const HASH_MASK = 0x7fff;
/** Of level 1: matches that are tried, the length that ends the search, the longest match kept as strings. */
const MAX_TRIES = 4;
const NICE_LENGTH = 8;
const MAX_INSERTED = 4;
const HEADER = 0x7801;
const ADLER = 65521;
const BIT_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const [REPEAT, ZEROS_3, ZEROS_11] = [16, 17, 18];

const FIXED_LENGTHS = Uint8Array.from({ length: 288 }, (_, i) =>
  i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8,
);
const FIXED_DISTANCES = new Uint8Array(DISTANCE_CODES).fill(5);
const FIXED_CODES = codesOf(FIXED_LENGTHS);
const FIXED_DISTANCE_CODES = codesOf(FIXED_DISTANCES);
const BIT_LENGTH_EXTRA = Uint8Array.from([2, 3, 7]);

function codesOf(lengths: Uint8Array): Uint16Array {
  const codes = new Uint16Array(lengths.length);
  assignCodes(lengths, codes, lengths.length);
  return codes;
}

/** An encoder and its memory. */
export class FastDeflate {
  /** Input, and zeros after it: matches are compared past the end. */
  private readonly window = new Uint8Array(MAX_DEFLATED_BYTES + MAX_MATCH + 2);
  private readonly heads = new Uint16Array(HASH_MASK + 1);
  private readonly previous = new Uint16Array(MAX_DEFLATED_BYTES + 1);
  private readonly distances = new Uint16Array(MAX_DEFLATED_BYTES);
  /** A literal, or the length of a match if it has a distance. */
  private readonly values = new Uint16Array(MAX_DEFLATED_BYTES);
  private symbolCount = 0;
  private matchStart = 0;
  private readonly literals = new PrefixCode(
    LENGTH_CODES,
    LENGTH_EXTRA,
    FIRST_LENGTH_CODE,
    15,
    FIXED_LENGTHS,
  );
  private readonly distanceCode = new PrefixCode(DISTANCE_CODES, DISTANCE_EXTRA, 0, 15, FIXED_DISTANCES);
  private readonly bitLengths = new PrefixCode(19, BIT_LENGTH_EXTRA, REPEAT, 7, undefined);
  private out: Uint8Array = new Uint8Array(0);
  private at = 0;
  private bitBuffer = 0;
  private bitCount = 0;

  /**
   * Compress `page`, of 1 … MAX_DEFLATED_BYTES bytes, into `out`. Returns the number of bytes, or -1 if zlib
   * would store the page or divide it into blocks, or `out` is too small.
   */
  encode(page: Uint8Array, out: Uint8Array): number {
    this.window.set(page);
    this.window.fill(0, page.length, page.length + MAX_MATCH + 2);
    this.literals.clear();
    this.distanceCode.clear();
    this.findMatches(page.length);
    if (this.symbolCount >= MAX_SYMBOLS) return -1;
    this.out = out;
    this.at = 0;
    this.bitBuffer = 0;
    this.bitCount = 0;
    out[this.at++] = HEADER >> 8;
    out[this.at++] = HEADER & 0xff;
    if (!this.writeBlock(page.length)) return -1;
    const sum = adler32(page);
    for (const shift of [24, 16, 8, 0]) out[this.at++] = (sum >>> shift) & 0xff;
    return this.at <= out.length ? this.at : -1;
  }

  private findMatches(bytes: number): void {
    const { window, values, distances, literals, distanceCode } = this;
    this.heads.fill(0);
    let count = 0;
    for (let at = 0; at < bytes; ) {
      const head = bytes - at >= MIN_MATCH ? this.insert(at) : 0;
      const length = head === 0 ? 0 : this.longestMatch(at, head, bytes - at);
      if (length < MIN_MATCH) {
        distances[count] = 0;
        values[count++] = window[at]!;
        literals.frequencies[window[at++]!]!++;
        continue;
      }
      const distance = at - this.matchStart;
      distances[count] = distance;
      values[count++] = length;
      literals.frequencies[FIRST_LENGTH_CODE + LENGTH_CODE[length]!]!++;
      distanceCode.frequencies[DISTANCE_CODE[distance]!]!++;
      const end = at + length;
      if (length <= MAX_INSERTED && bytes - end >= MIN_MATCH) for (at++; at < end; at++) this.insert(at);
      at = end;
    }
    literals.frequencies[END_OF_BLOCK] = 1;
    this.symbolCount = count;
  }

  /** Add the string at `at` to its chain; returns the last one before it, or 0. */
  private insert(at: number): number {
    const { window, heads } = this;
    const hash = ((window[at]! << 10) ^ (window[at + 1]! << 5) ^ window[at + 2]!) & HASH_MASK;
    const head = heads[hash]!;
    this.previous[at] = head;
    heads[hash] = at;
    return head;
  }

  private longestMatch(at: number, head: number, rest: number): number {
    const { window, previous } = this;
    const nice = Math.min(NICE_LENGTH, rest);
    let best = MIN_MATCH - 1;
    for (let from = head, tries = MAX_TRIES; from > 0 && tries > 0; from = previous[from]!, tries--) {
      if (
        window[from + best] !== window[at + best] ||
        window[from + best - 1] !== window[at + best - 1] ||
        window[from] !== window[at] ||
        window[from + 1] !== window[at + 1]
      )
        continue;
      let length = MIN_MATCH;
      while (length < MAX_MATCH && window[from + length] === window[at + length]) length++;
      if (length <= best) continue;
      this.matchStart = from;
      best = length;
      if (length >= nice) break;
    }
    return Math.min(best, rest);
  }

  /** Write the block with the shorter of both codes; false if storing the bytes is shorter still. */
  private writeBlock(bytes: number): boolean {
    const { literals, distanceCode, bitLengths } = this;
    literals.build();
    distanceCode.build();
    bitLengths.clear();
    this.runs(literals, (symbol) => bitLengths.frequencies[symbol]!++);
    this.runs(distanceCode, (symbol) => bitLengths.frequencies[symbol]!++);
    bitLengths.build();
    let lastLength = BIT_LENGTH_ORDER.length - 1;
    while (lastLength > 3 && bitLengths.lengths[BIT_LENGTH_ORDER[lastLength]!] === 0) lastLength--;
    const tableBits = 3 * (lastLength + 1) + 14 + bitLengths.bits;
    const ownBytes = (literals.bits + distanceCode.bits + tableBits + 10) >> 3;
    const fixedBytes = (literals.fixedBits + distanceCode.fixedBits + 10) >> 3;
    if (bytes + 4 <= Math.min(ownBytes, fixedBytes)) return false;
    if (fixedBytes <= ownBytes) {
      this.put(3, 3);
      this.putSymbols(FIXED_LENGTHS, FIXED_CODES, FIXED_DISTANCES, FIXED_DISTANCE_CODES);
    } else {
      this.put(5, 3);
      this.putTables(lastLength);
      this.putSymbols(literals.lengths, literals.codes, distanceCode.lengths, distanceCode.codes);
    }
    if (this.bitCount > 0) this.out[this.at++] = this.bitBuffer & 0xff;
    return true;
  }

  private putTables(lastLength: number): void {
    const { literals, distanceCode, bitLengths } = this;
    this.put(literals.last - 256, 5);
    this.put(distanceCode.last, 5);
    this.put(lastLength - 3, 4);
    for (let i = 0; i <= lastLength; i++) this.put(bitLengths.lengths[BIT_LENGTH_ORDER[i]!]!, 3);
    const put = (symbol: number, extra: number) => {
      this.put(bitLengths.codes[symbol]!, bitLengths.lengths[symbol]!);
      if (symbol >= REPEAT!) this.put(extra, BIT_LENGTH_EXTRA[symbol - REPEAT!]!);
    };
    this.runs(literals, put);
    this.runs(distanceCode, put);
  }

  /** Call `visit` with the symbols that describe the lengths of a code, and their extra bits. */
  private runs({ lengths, last }: PrefixCode, visit: (symbol: number, extra: number) => void): void {
    let before = -1;
    for (let i = 0; i <= last; ) {
      const length = lengths[i]!;
      // A repetition of the length before is limited by its extra bits, a first run has one code of its own.
      const max = length === 0 ? 138 : length === before ? 6 : 7;
      const min = length === 0 || length === before ? 3 : 4;
      let count = 1;
      while (count < max && i + count <= last && lengths[i + count] === length) count++;
      i += count;
      if (count < min) for (; count > 0; count--) visit(length, 0);
      else if (length === 0) visit(count <= 10 ? ZEROS_3! : ZEROS_11!, count - (count <= 10 ? 3 : 11));
      else {
        if (length !== before) {
          visit(length, 0);
          count--;
        }
        visit(REPEAT!, count - 3);
      }
      before = length;
    }
  }

  private putSymbols(
    lengths: Uint8Array,
    codes: Uint16Array,
    distanceLengths: Uint8Array,
    distanceCodes: Uint16Array,
  ): void {
    for (let i = 0; i < this.symbolCount; i++) {
      const value = this.values[i]!;
      const distance = this.distances[i]!;
      if (distance === 0) {
        this.put(codes[value]!, lengths[value]!);
        continue;
      }
      const code = LENGTH_CODE[value]!;
      this.put(codes[FIRST_LENGTH_CODE + code]!, lengths[FIRST_LENGTH_CODE + code]!);
      this.put(value - LENGTH_BASE[code]!, LENGTH_EXTRA[code]!);
      const far = DISTANCE_CODE[distance]!;
      this.put(distanceCodes[far]!, distanceLengths[far]!);
      this.put(distance - DISTANCE_BASE[far]!, DISTANCE_EXTRA[far]!);
    }
    this.put(codes[END_OF_BLOCK]!, lengths[END_OF_BLOCK]!);
  }

  /** Append bits, the lowest first. Bytes past the end of `out` are counted, not written. */
  private put(value: number, bits: number): void {
    this.bitBuffer |= value << this.bitCount;
    this.bitCount += bits;
    while (this.bitCount >= 8) {
      this.out[this.at++] = this.bitBuffer & 0xff;
      this.bitBuffer >>>= 8;
      this.bitCount -= 8;
    }
  }
}

function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  // The sums of 3800 bytes do not overflow 32 bits.
  for (let from = 0; from < bytes.length; from += 3800) {
    const end = Math.min(bytes.length, from + 3800);
    for (let i = from; i < end; i++) {
      a += bytes[i]!;
      b += a;
    }
    a %= ADLER;
    b %= ADLER;
  }
  return ((b << 16) | a) >>> 0;
}
