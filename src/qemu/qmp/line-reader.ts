const NEWLINE = 10;
const START_BYTES = 4096;

/** Splits a byte stream into lines. Its memory is at most twice the longest line that it accepts. */
export class LineReader {
  private buffer = Buffer.allocUnsafe(START_BYTES);
  private length = 0;

  constructor(
    private readonly maxLineBytes: number,
    private readonly onLine: (line: string) => void,
  ) {}

  /** Add bytes; return false when a line is longer than the limit. */
  push(bytes: Uint8Array): boolean {
    for (let from = 0; from < bytes.length; ) {
      const newline = bytes.indexOf(NEWLINE, from);
      const to = newline < 0 ? bytes.length : newline;
      if (this.length + to - from > this.maxLineBytes) return false;
      this.append(bytes.subarray(from, to));
      if (newline >= 0) {
        const line = this.buffer.toString('utf8', 0, this.length);
        this.length = 0;
        this.onLine(line);
      }
      from = to + 1;
    }
    return true;
  }

  private append(bytes: Uint8Array): void {
    if (this.length + bytes.length > this.buffer.length) {
      const larger = Buffer.allocUnsafe(2 ** Math.ceil(Math.log2(this.length + bytes.length)));
      this.buffer.copy(larger, 0, 0, this.length);
      this.buffer = larger;
    }
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }
}
