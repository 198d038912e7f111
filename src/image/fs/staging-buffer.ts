/** Capacity of the buffer: contiguous writes are collected up to this size and written by one system call. */
const STAGING_BYTES = 1 << 20;
/** Minimum size of a write that bypasses the buffer: the system call costs less than the copy. */
const DIRECT_BYTES = 256 << 10;

/** The buffer that all files share: thousands may be open, but only one is written at a time. */
let shared: Uint8Array | undefined;
/** The file whose bytes are in the buffer. */
let user: StagingBuffer | undefined;

/** Collects small contiguous writes to one file. */
export class StagingBuffer {
  private start = 0;
  private length = 0;

  /** `writeOut`: writes bytes to the file; records a failure before throwing it. */
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
   * Copy `bytes` bytes at `position` to `into` if all of them are in the buffer; return whether they are. If
   * only some are, flush the buffer.
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

  /** Write the collected bytes to the file. */
  flush(): void {
    const { length } = this;
    this.length = 0;
    if (length > 0) this.writeOut(shared!.subarray(0, length), this.start);
  }

  /** Discard the collected bytes. */
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
