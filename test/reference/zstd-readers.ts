// Readers of bytes and bits for the reference implementation of zstd.

/** Why an input is no valid sequence of frames. */
export class ZstdDefect extends Error {}

/** Reads bytes and little-endian numbers. */
export class Forward {
  constructor(
    private readonly input: Uint8Array,
    public at: number,
    private readonly end: number,
  ) {}

  bytes(count: number): Uint8Array {
    check(count <= this.end - this.at, 'truncated');
    this.at += count;
    return this.input.subarray(this.at - count, this.at);
  }

  number(bytes: number): number {
    return this.bytes(bytes).reduceRight((sum, byte) => sum * 256 + byte, 0);
  }

  peek(): number {
    check(this.at < this.end, 'truncated');
    return this.input[this.at]!;
  }

  part(bytes: number): Forward {
    const start = this.at;
    this.bytes(bytes);
    return new Forward(this.input, start, this.at);
  }

  rest(): Uint8Array {
    return this.bytes(this.end - this.at);
  }
}

/** Reads bits from the lowest of a byte to its highest, and leaves a reader at the next whole byte. */
export class BitsForward {
  private byte = 0;
  private left = 0;

  constructor(private readonly reader: Forward) {}

  read(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) {
      if (this.left === 0) [this.byte, this.left] = [this.reader.number(1), 8];
      value += (this.byte & 1) * 2 ** i;
      this.byte >>= 1;
      this.left--;
    }
    return value;
  }

  align(): void {
    this.left = 0;
  }
}

/** Reads a stream of bits from its end backwards; its highest set bit marks where it ends. */
export class Backward {
  /** Bits that are left; negative: more were read than there are. */
  left: number;

  constructor(private readonly stream: Uint8Array) {
    const last = stream.at(-1) ?? 0;
    check(last !== 0, 'stream without an end mark');
    this.left = 8 * (stream.length - 1) + 31 - Math.clz32(last);
  }

  /** Return the next bits without taking them; past the start of the stream there are zeros. */
  peek(count: number): number {
    let value = 0;
    for (let at = this.left - 1; at >= this.left - count; at--)
      value = value * 2 + (at >= 0 ? (this.stream[at >> 3]! >> (at & 7)) & 1 : 0);
    return value;
  }

  read(count: number): number {
    const value = this.peek(count);
    this.left -= count;
    return value;
  }
}

/** Throw a {@link ZstdDefect} unless a condition holds. */
export function check(isTrue: boolean, reason: string): void {
  if (!isTrue) throw new ZstdDefect(reason);
}
