// LZO1X, as kdump and makedumpfile use it (Linux, Documentation/staging/lzo.rst). `n...` are bits of the
// first byte; a length field that is 0 continues: 255 for each 00 byte, then a byte.
//
//     stream  = [ 18 … 255: byte - 17 literals ] { instruction } end
//     0 0 0 0 L L L L   no literals before: L + 3 (15 + more) literals
//                       1 … 3 before: copy 2 from (H << 2) + D + 1;  4 or more: copy 3 from 2049 + the same
//                       D = bits 2, 3; H: u8
//     0 0 0 1 H L L L   copy L + 2 (7 + more) from 16384 + (H << 14) + D; D, S: u16 LE; offset 16384: the end
//     0 0 1 L L L L L   copy L + 2 (31 + more) from D + 1; D, S: u16 LE
//     0 1 L D D D S S   copy 3 + L from (H << 3) + D + 1; H: u8
//     1 L L D D D S S   copy 5 + L from the same
//     S (low two bits of the instruction, or of the u16)  0 … 3 literals after the copy
import { copyBack } from './snappy.js';

/**
 * Decode a stream whose content has exactly `out.length` bytes. Returns whether the stream is sound;
 * otherwise `out` holds anything.
 */
export function decodeLzo(stream: Uint8Array, out: Uint8Array): boolean {
  return new LzoDecoder(stream, out).run();
}

class LzoDecoder {
  private at = 0;
  private to = 0;
  /** Literals that the last instruction copied; 4: more than three. */
  private literals = 0;

  constructor(
    private readonly stream: Uint8Array,
    private readonly out: Uint8Array,
  ) {}

  run(): boolean {
    const { stream, out } = this;
    if (stream.length < 3) return false;
    if (stream[0]! > 17) {
      this.at = 1;
      const count = stream[0]! - 17;
      if (!this.copyLiterals(count)) return false;
      this.literals = Math.min(count, 4);
    }
    while (this.at < stream.length) {
      const code = stream[this.at++]!;
      if (code < 16 && this.literals === 0) {
        const count = code === 0 ? this.longLength(15) : code;
        if (count < 0 || !this.copyLiterals(count + 3)) return false;
        this.literals = 4;
        continue;
      }
      const step = code < 16 ? this.nearCopy(code) : code < 64 ? this.farCopy(code) : this.shortCopy(code);
      if (step === END) return this.at === stream.length && this.to === out.length;
      if (step === BAD || !this.copyLiterals(step)) return false;
      this.literals = step;
    }
    return false;
  }

  /** 0000LLLL after literals: two or three bytes. Returns the literals after the copy. */
  private nearCopy(code: number): number {
    const offset = (this.byte() << 2) + (code >> 2);
    return this.literals === 4 ? this.copy(offset + 2049, 3, code & 3) : this.copy(offset + 1, 2, code & 3);
  }

  /** 0001HLLL and 001LLLLL. */
  private farCopy(code: number): number {
    const isFar = code < 32;
    const mask = isFar ? 7 : 31;
    const length = code & mask || this.longLength(mask);
    const low = this.byte();
    const word = low | (this.byte() << 8);
    if (length < 0 || word < 0) return BAD;
    const distance = word >> 2;
    if (!isFar) return this.copy(distance + 1, length + 2, word & 3);
    const offset = 16384 + ((code & 8) << 11) + distance;
    return offset === 16384 ? (length === 1 ? END : BAD) : this.copy(offset, length + 2, word & 3);
  }

  /** 01LDDDSS and 1LLDDDSS. */
  private shortCopy(code: number): number {
    return this.copy((this.byte() << 3) + ((code >> 2) & 7) + 1, (code >> 5) + 1, code & 3);
  }

  private copy(offset: number, length: number, literals: number): number {
    if (offset <= 0 || !copyBack(this.out, this.to, offset, length)) return BAD;
    this.to += length;
    return literals;
  }

  private copyLiterals(count: number): boolean {
    const { stream, out, at, to } = this;
    if (count > stream.length - at || count > out.length - to) return false;
    for (let i = 0; i < count; i++) out[to + i] = stream[at + i]!;
    this.at += count;
    this.to += count;
    return true;
  }

  /** `base` plus 255 for each zero byte plus the byte after them; negative at the end of the stream. */
  private longLength(base: number): number {
    let length = base;
    for (;;) {
      const byte = this.byte();
      if (byte !== 0) return byte < 0 ? BAD : length + byte;
      length += 255;
    }
  }

  /** The next byte; negative enough at the end of the stream that whatever is made of it is negative. */
  private byte(): number {
    return this.at < this.stream.length ? this.stream[this.at++]! : BAD;
  }
}

const END = -1;
const BAD = -(2 ** 20);
