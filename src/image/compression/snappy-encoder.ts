// Snappy's compressor (google/snappy, CompressFragment), bit for bit, so that a block which it has written
// need not be kept: greedy matches of four bytes or more, found by a table of hashes, in fragments of 64 KiB.
// Two kinds of hash exist: the upper bits by the size of the table (Google's before 1.1.9, Rust's crate snap,
// which AVML uses), and 14 bits of which the table takes the lower ones (1.1.9).

export type SnappyHash = 'shift' | 'mask';

/** Bytes of a fragment; larger content is not encoded. */
export const MAX_SNAPPY_BYTES = 1 << 16;
const MAX_TABLE_BITS = 14;
const MIN_TABLE_BITS = 8;
const MARGIN_BYTES = 15;
const FACTOR = 0x1e35a7bd;
const FIRST_SKIP = 32;

/** Compresses content of at most {@link MAX_SNAPPY_BYTES}. */
export class SnappyEncoder {
  private readonly table = new Uint16Array(1 << MAX_TABLE_BITS);
  private shift = 0;
  private mask = 0;
  private input: Uint8Array = new Uint8Array(0);
  private out: Uint8Array = new Uint8Array(0);
  private to = 0;

  constructor(private readonly hash: SnappyHash) {}

  /** Write a block to `out`, which has 2 x content + 64 bytes. Returns its bytes. */
  encode(content: Uint8Array, out: Uint8Array): number {
    this.input = content;
    this.out = out;
    this.to = 0;
    for (let left = content.length; ; left >>>= 7) {
      out[this.to++] = left > 0x7f ? (left & 0x7f) | 0x80 : left;
      if (left <= 0x7f) break;
    }
    let bits = MIN_TABLE_BITS;
    while (bits < MAX_TABLE_BITS && 1 << bits < content.length) bits++;
    this.shift = 32 - (this.hash === 'shift' ? bits : MAX_TABLE_BITS);
    this.mask = (1 << bits) - 1;
    this.table.fill(0, 0, 1 << bits);
    const emitted = content.length >= MARGIN_BYTES ? this.fragment() : 0;
    if (emitted < content.length) this.literal(emitted, content.length);
    return this.to;
  }

  /** Write what has matches. Returns where the bytes after it begin. */
  private fragment(): number {
    const { input, table } = this;
    const limit = input.length - MARGIN_BYTES;
    let emitted = 0;
    for (let at = 1; ; at++) {
      let skip = FIRST_SKIP;
      let candidate = 0;
      for (;;) {
        const step = skip >> 5;
        skip += step;
        if (at + step > limit) return emitted;
        const word = this.word(at);
        const slot = this.slot(word);
        candidate = table[slot]!;
        table[slot] = at;
        if (this.word(candidate) === word) break;
        at += step;
      }
      this.literal(emitted, at);
      for (;;) {
        const length = this.matchLength(candidate, at);
        this.copy(at - candidate, length);
        at += length;
        emitted = at;
        if (at >= limit) return emitted;
        table[this.slot(this.word(at - 1))] = at - 1;
        const word = this.word(at);
        const slot = this.slot(word);
        candidate = table[slot]!;
        table[slot] = at;
        if (this.word(candidate) !== word) break;
      }
    }
  }

  private word(at: number): number {
    const { input } = this;
    return input[at]! | (input[at + 1]! << 8) | (input[at + 2]! << 16) | (input[at + 3]! << 24);
  }

  private slot(word: number): number {
    return (Math.imul(word, FACTOR) >>> this.shift) & this.mask;
  }

  /** Bytes that are equal at both places, of which four are known to be. */
  private matchLength(from: number, at: number): number {
    const { input } = this;
    let length = 4;
    while (at + length < input.length && input[from + length] === input[at + length]) length++;
    return length;
  }

  private literal(from: number, end: number): void {
    const { input, out } = this;
    const last = end - from - 1;
    if (last < 0) return;
    if (last < 60) out[this.to++] = last << 2;
    else {
      const count = last < 0x100 ? 1 : 2;
      out[this.to++] = (59 + count) << 2;
      out[this.to++] = last;
      if (count === 2) out[this.to++] = last >> 8;
    }
    out.set(input.subarray(from, end), this.to);
    this.to += end - from;
  }

  /** At most 64 bytes each; four are left for the last one. */
  private copy(offset: number, bytes: number): void {
    let left = bytes;
    for (; left >= 68; left -= 64) this.shortCopy(offset, 64);
    if (left > 64) {
      this.shortCopy(offset, 60);
      left -= 60;
    }
    this.shortCopy(offset, left);
  }

  private shortCopy(offset: number, length: number): void {
    const { out } = this;
    if (length < 12 && offset < 2048) {
      out[this.to++] = 1 | ((length - 4) << 2) | ((offset >> 8) << 5);
      out[this.to++] = offset;
      return;
    }
    out[this.to++] = 2 | ((length - 1) << 2);
    out[this.to++] = offset;
    out[this.to++] = offset >> 8;
  }
}
