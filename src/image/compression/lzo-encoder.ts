// LZO1X-1 as liblzo2 compresses with it on processors of 64 bits (makedumpfile, QEMU), bit for bit, so that a
// page which it has written need not be kept. The format is that of lzo.ts.

/** liblzo2 divides larger content. */
export const MAX_LZO_BYTES = 49152;
const TABLE_BITS = 14;
const FACTOR = 0x1824429d;
/** The last bytes have no match. */
const MARGIN_BYTES = 20;
const MAX_NEAR_LENGTH = 8;
const MAX_NEAR_OFFSET = 0x800;
const MAX_MIDDLE_LENGTH = 33;
const MAX_MIDDLE_OFFSET = 0x4000;
const MAX_FAR_LENGTH = 9;
const MIDDLE = 32;
const FAR = 16;
/** Content without a match has its literals in the first byte. */
const MAX_FIRST_LITERALS = 238;

/** Compresses content of at most {@link MAX_LZO_BYTES}. */
export class LzoEncoder {
  private readonly table = new Uint16Array(1 << TABLE_BITS);
  private input: Uint8Array = new Uint8Array(0);
  private out: Uint8Array = new Uint8Array(0);
  private to = 0;

  /** Write a stream to `out`, which has 2 x content + 64 bytes. Returns its bytes. */
  encode(content: Uint8Array, out: Uint8Array): number {
    this.input = content;
    this.out = out;
    this.to = 0;
    this.table.fill(0);
    const emitted = content.length > MARGIN_BYTES ? this.matches() : 0;
    const left = content.length - emitted;
    if (this.to === 0 && left > 0 && left <= MAX_FIRST_LITERALS) {
      out[this.to++] = 17 + left;
      this.put(emitted, content.length);
    } else this.literals(emitted, content.length);
    out[this.to++] = FAR | 1;
    out[this.to++] = 0;
    out[this.to++] = 0;
    return this.to;
  }

  /** Write what has matches. Returns where the bytes after it begin. */
  private matches(): number {
    const { input, table } = this;
    const end = input.length - MARGIN_BYTES;
    let emitted = 0;
    let at = 4;
    at += 1 + ((at - emitted) >> 5);
    while (at < end) {
      const word = this.word(at);
      const slot = Math.imul(word, FACTOR) >>> (32 - TABLE_BITS);
      const candidate = table[slot]!;
      table[slot] = at;
      if (this.word(candidate) !== word) {
        at += 1 + ((at - emitted) >> 5);
        continue;
      }
      this.literals(emitted, at);
      const length = this.matchLength(candidate, at, end);
      this.match(at - candidate, length);
      at += length;
      emitted = at;
    }
    return emitted;
  }

  private word(at: number): number {
    const { input } = this;
    return input[at]! | (input[at + 1]! << 8) | (input[at + 2]! << 16) | (input[at + 3]! << 24);
  }

  /** Eight bytes are compared at a time, so that a match ends up to seven bytes after `end`. */
  private matchLength(from: number, at: number, end: number): number {
    let length = 4;
    for (;;) {
      const equal = this.equalBytes(from + length, at + length);
      if (equal < 8) return length + equal;
      length += 8;
      if (at + length >= end) return length;
    }
  }

  /** Up to eight. */
  private equalBytes(a: number, b: number): number {
    const { input } = this;
    let count = 0;
    while (count < 8 && input[a + count] === input[b + count]) count++;
    return count;
  }

  private match(distance: number, length: number): void {
    const { out } = this;
    if (length <= MAX_NEAR_LENGTH && distance <= MAX_NEAR_OFFSET) {
      const offset = distance - 1;
      out[this.to++] = ((length - 1) << 5) | ((offset & 7) << 2);
      out[this.to++] = offset >> 3;
      return;
    }
    const isMiddle = distance <= MAX_MIDDLE_OFFSET;
    const offset = isMiddle ? distance - 1 : distance - MAX_MIDDLE_OFFSET;
    const marker = isMiddle ? MIDDLE : FAR | ((offset >> 11) & 8);
    const maxLength = isMiddle ? MAX_MIDDLE_LENGTH : MAX_FAR_LENGTH;
    if (length <= maxLength) out[this.to++] = marker | (length - 2);
    else {
      out[this.to++] = marker;
      this.longLength(length - maxLength);
    }
    out[this.to++] = offset << 2;
    out[this.to++] = offset >> 6;
  }

  /** Up to three literals are counted in the match before. */
  private literals(from: number, end: number): void {
    const count = end - from;
    if (count === 0) return;
    if (count <= 3) this.out[this.to - 2]! |= count;
    else if (count <= 18) this.out[this.to++] = count - 3;
    else {
      this.out[this.to++] = 0;
      this.longLength(count - 18);
    }
    this.put(from, end);
  }

  private longLength(length: number): void {
    let left = length;
    for (; left > 255; left -= 255) this.out[this.to++] = 0;
    this.out[this.to++] = left;
  }

  private put(from: number, end: number): void {
    this.out.set(this.input.subarray(from, end), this.to);
    this.to += end - from;
  }
}
