import { PageferryError } from '../page/error.js';

const TWO_32 = 2 ** 32;

/** Appends little-endian numbers, ULEB128 counts and bytes to a growing, reusable buffer. */
export class WireWriter {
  private buffer = new Uint8Array(1024);
  /** Bytes written. */
  length = 0;

  /** The bytes written; valid until the next write. */
  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  /** Drop all bytes; the buffer is reused. */
  clear(): void {
    this.length = 0;
  }

  /** Write 8 bits. */
  u8(value: number): void {
    this.grow(1);
    this.buffer[this.length++] = value;
  }

  /** Write 16 bits. */
  u16(value: number): void {
    this.u8(value);
    this.u8(value >>> 8);
  }

  /** Write 32 bits. */
  u32(value: number): void {
    this.grow(4);
    for (let shift = 0; shift < 32; shift += 8) this.buffer[this.length++] = value >>> shift;
  }

  /** Write a whole number up to 2^53 as 64 bits. */
  u64(value: number): void {
    this.u32(value % TWO_32);
    this.u32(Math.floor(value / TWO_32));
  }

  /** Write a whole number up to 2^53 as ULEB128. */
  count(value: number): void {
    this.grow(8);
    let rest = value;
    while (rest >= 0x80) {
      this.buffer[this.length++] = (rest & 0x7f) | 0x80;
      rest = rest < TWO_32 ? rest >>> 7 : Math.floor(rest / 128);
    }
    this.buffer[this.length++] = rest;
  }

  /** Append a copy of `bytes`. */
  put(bytes: Uint8Array): void {
    this.grow(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  private grow(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(2 * this.buffer.length, this.length + bytes));
    larger.set(this.buffer);
    this.buffer = larger;
  }
}

/** A name in errors. Where names are made for every frame, an object makes them only when one is needed. */
export interface ErrorName {
  toString(): string;
}

/**
 * Reads the fields that `WireWriter` writes from untrusted bytes; `label` names the bytes in errors. Every
 * read throws a PageferryError `bad-stream` if there are too few bytes.
 */
export class WireReader {
  private next = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly label: ErrorName,
  ) {}

  /** Bytes that are not read yet. */
  get left(): number {
    return this.bytes.length - this.next;
  }

  /** Bytes that were read: the offset of the next one. */
  get position(): number {
    return this.next;
  }

  /** Go on at a position that was got before. */
  set position(position: number) {
    this.next = position;
  }

  /** Read 8 bits. */
  u8(): number {
    this.need(1);
    return this.bytes[this.next++]!;
  }

  /** Read 16 bits. */
  u16(): number {
    return this.u8() | (this.u8() << 8);
  }

  /** Read 32 bits. */
  u32(): number {
    this.need(4);
    const at = this.next;
    this.next += 4;
    const b = this.bytes;
    return (b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)) >>> 0;
  }

  /** Read 64 bits. @throws PageferryError `bad-stream` above 2^53 */
  u64(): number {
    const low = this.u32();
    const value = this.u32() * TWO_32 + low;
    if (!Number.isSafeInteger(value)) throw this.bad('a number above 2^53');
    return value;
  }

  /**
   * Read a ULEB128 number. @throws PageferryError `bad-stream` above 2^53, or if it is not the shortest form
   */
  count(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.u8();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw this.bad('a number longer than it needs to be');
        break;
      }
      if (shift >= 49) throw this.bad('a number above 2^53');
    }
    if (!Number.isSafeInteger(value)) throw this.bad('a number above 2^53');
    return value;
  }

  /** Read `count` bytes: a view, not a copy. */
  take(count: number): Uint8Array {
    this.need(count);
    this.next += count;
    return this.bytes.subarray(this.next - count, this.next);
  }

  /**
   * Read `count` reserved bytes. @throws PageferryError `bad-stream` when one is not zero: a later version
   * writes it
   */
  reserved(count: number): void {
    for (const byte of this.take(count)) if (byte !== 0) throw this.bad('a reserved byte that is not zero');
  }

  /** Check that all bytes are read. @throws PageferryError `bad-stream` */
  end(): void {
    if (this.left !== 0) throw this.bad(`${this.left} bytes too many`);
  }

  /** Return an error `bad-stream` with the position and what was found there. */
  bad(found: string): PageferryError {
    return new PageferryError('bad-stream', `${this.label}: ${found} at byte ${this.next}`);
  }

  private need(count: number): void {
    if (count > this.left)
      throw new PageferryError(
        'bad-stream',
        `${this.label}: ends at byte ${this.bytes.length}, needs ${count - this.left} more`,
      );
  }
}

/** Return a number in hexadecimal. */
export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
