/** Neighbouring pages are collected and written by one system call of at most this many bytes. */
const STAGING_BYTES = 1 << 20;
/** Pieces of this size are written directly: the system call costs less than the copy. */
const DIRECT_BYTES = 256 << 10;

/** All files share one buffer, since only one image is written at a time and thousands may be open. */
let shared: Uint8Array | undefined;
let user: StagingBuffer | undefined;

/** Collects the small writes of one file. */
export class StagingBuffer {
  private start = 0;
  private length = 0;

  /** `writeOut` stores bytes in the file, and records a failure that it throws. */
  constructor(private readonly writeOut: (bytes: Uint8Array, position: number) => void) {}

  write(bytes: Uint8Array, position: number): void {
    if (position !== this.start + this.length || this.length + bytes.length > STAGING_BYTES) this.flush();
    if (bytes.length >= DIRECT_BYTES) {
      this.flush();
      this.writeOut(bytes, position);
      return;
    }
    const buffer = this.acquire();
    if (this.length === 0) this.start = position;
    buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /**
   * Copy `bytes` bytes at `position` if all of them are in the buffer. If only some are, write the buffer
   * out.
   */
  read(into: Uint8Array, position: number, bytes: number): boolean {
    const end = this.start + this.length;
    if (position >= this.start && position + bytes <= end) {
      const from = position - this.start;
      if (bytes > 0) into.set(shared!.subarray(from, from + bytes));
      return true;
    }
    if (position < end && position + bytes > this.start) this.flush();
    return false;
  }

  /** Write out what was collected. */
  flush(): void {
    const { length } = this;
    this.length = 0;
    if (length > 0) this.writeOut(shared!.subarray(0, length), this.start);
  }

  /** Drop what was collected. */
  clear(): void {
    this.length = 0;
    if (user === this) user = undefined;
  }

  private acquire(): Uint8Array {
    shared ??= new Uint8Array(STAGING_BYTES);
    if (user !== this) {
      const previous = user;
      user = this;
      try {
        previous?.flush();
      } catch {} // the previous file has recorded its failure
    }
    return shared;
  }
}
