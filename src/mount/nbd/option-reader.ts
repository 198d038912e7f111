import { MAX_STRING_BYTES } from './protocol.js';

/** Parses the data of an option. After a field that does not fit, `isValid` is false. */
export class OptionReader {
  private at = 0;
  isValid = true;

  constructor(private readonly data: Buffer) {}

  /** Whether the fields that were read are exactly the data. */
  get isAtEnd(): boolean {
    return this.isValid && this.at === this.data.length;
  }

  u16(): number {
    return this.take(2)?.readUInt16BE() ?? 0;
  }

  u32(): number {
    return this.take(4)?.readUInt32BE() ?? 0;
  }

  /** Return a string, with its length before it, or undefined if it does not fit. */
  string(): string | undefined {
    const length = this.u32();
    if (length > MAX_STRING_BYTES) this.isValid = false;
    return this.take(length)?.toString();
  }

  private take(bytes: number): Buffer | undefined {
    if (bytes > this.data.length - this.at) this.isValid = false;
    if (!this.isValid) return undefined;
    this.at += bytes;
    return this.data.subarray(this.at - bytes, this.at);
  }
}
