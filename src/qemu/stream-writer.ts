import type { QemuEvents } from './events.js';
import {
  flag,
  PAGES_PER_HIGH,
  type QemuBlock,
  TARGET_PAGE_BITS,
  TARGET_PAGE_BYTES,
  XBZRLE_ENCODING,
} from './format.js';

const MAX_HEAD_BYTES = 8 + 1 + 255 + 3;
const MAX_RECORD_BYTES = MAX_HEAD_BYTES + TARGET_PAGE_BYTES;

/** Options of a `QemuStreamWriter`. */
export interface QemuWriterOptions {
  /**
   * Bytes of each output buffer (default: 256 KiB, at least 8 KiB). A buffer is handed out when it is full or
   * flushed.
   */
  readonly bufferBytes?: number;
  /** Return a buffer of `bytes` bytes that no one reads any more (default: a new one each time). */
  readonly allocate?: (bytes: number) => Uint8Array;
  /**
   * Write a page filled with another byte than 0 in full. QEMU 7.2 accepts other fills, 10.2 refuses them.
   * QEMU itself only sends fills of 0, so this is for records of another origin.
   */
  readonly zeroFillOnly?: boolean;
}

/**
 * Writer of a migration stream. The calls that a `QemuStreamReader` reports give the same bytes: like QEMU,
 * the writer names a record's block only where it changes. Records may be changed, dropped, added and
 * reordered, because every reader of the stream sees only records. Bytes that were handed to `output` are not
 * written to again.
 */
export class QemuStreamWriter {
  private readonly bufferBytes: number;
  private readonly zeroFillOnly: boolean;
  private readonly allocate: (bytes: number) => Uint8Array;
  private buffer: Uint8Array;
  /** buffer[from, to) was written and not handed out. */
  private from = 0;
  private to = 0;
  private names: readonly Uint8Array[] = [];
  private current = -1;

  constructor(
    private readonly output: (bytes: Uint8Array) => void,
    {
      bufferBytes = 256 << 10,
      zeroFillOnly = false,
      allocate = (bytes) => new Uint8Array(bytes),
    }: QemuWriterOptions = {},
  ) {
    this.bufferBytes = Math.max(bufferBytes, 2 * MAX_RECORD_BYTES);
    this.zeroFillOnly = zeroFillOnly;
    this.allocate = allocate;
    this.buffer = allocate(this.bufferBytes);
  }

  /**
   * Events that write everything a reader reports: `new QemuStreamReader(writer.events())` copies a stream.
   */
  events(): QemuEvents {
    return {
      onLiteral: (bytes, from, to) => this.writeLiteral(bytes, from, to),
      onPage: (block, page, bytes, at) => this.writePage(block, page, bytes, at),
      onFill: (block, page, value) => this.writeFill(block, page, value),
      onXbzrle: (block, page, bytes, at, length) => this.writeXbzrle(block, page, bytes, at, length),
      onBlocks: (blocks) => this.setBlocks(blocks),
      onPostcopy: () => this.startPostcopy(),
    };
  }

  /** Block of the last record; -1 before the first. See `QemuEvents.onOpaque` for why it matters. */
  get lastBlock(): number {
    return this.current;
  }

  /** Record that bytes that were written by other means end with a record of this block. */
  setLastBlock(block: number): void {
    this.current = block;
  }

  /** Set the table of RAM blocks, before the first record. Its bytes in the stream are a literal. */
  setBlocks(blocks: readonly QemuBlock[]): void {
    this.names = blocks.map(({ name }) => Uint8Array.from(name, (letter) => letter.charCodeAt(0)));
  }

  /** Name the block of the next record, as QEMU does after the switch to postcopy. */
  startPostcopy(): void {
    this.current = -1;
  }

  /** Write bytes[from, to) unchanged. */
  writeLiteral(bytes: Uint8Array, from: number, to: number): void {
    while (from < to) {
      if (this.to === this.buffer.length) this.nextBuffer();
      const copied = Math.min(to - from, this.buffer.length - this.to);
      this.buffer.set(bytes.subarray(from, from + copied), this.to);
      this.to += copied;
      from += copied;
    }
  }

  /** Write a PAGE record of the 4096 bytes from bytes[at] on. */
  writePage(block: number, page: number, bytes: Uint8Array, at: number): void {
    this.writeHead(block, page, flag.page);
    const { buffer, to } = this;
    buffer.set(bytes.subarray(at, at + TARGET_PAGE_BYTES), to);
    this.to = to + TARGET_PAGE_BYTES;
  }

  /** Write a ZERO record, whose page is filled with `value`. */
  writeFill(block: number, page: number, value: number): void {
    if (value !== 0 && this.zeroFillOnly) {
      this.writeHead(block, page, flag.page);
      this.buffer.fill(value, this.to, this.to + TARGET_PAGE_BYTES);
      this.to += TARGET_PAGE_BYTES;
      return;
    }
    this.writeHead(block, page, flag.zero);
    this.buffer[this.to++] = value;
  }

  /** Write an XBZRLE record of bytes[at, at + length). */
  writeXbzrle(block: number, page: number, bytes: Uint8Array, at: number, length: number): void {
    this.writeHead(block, page, flag.xbzrle);
    this.buffer[this.to++] = XBZRLE_ENCODING;
    this.buffer[this.to++] = length >>> 8;
    this.buffer[this.to++] = length;
    this.buffer.set(bytes.subarray(at, at + length), this.to);
    this.to += length;
  }

  /** Hand out everything that was written. */
  flush(): void {
    if (this.from === this.to) return;
    this.output(this.buffer.subarray(this.from, this.to));
    this.from = this.to;
  }

  private nextBuffer(): void {
    this.flush();
    this.buffer = this.allocate(this.bufferBytes);
    this.from = 0;
    this.to = 0;
  }

  private writeHead(block: number, page: number, kind: number): void {
    if (this.buffer.length - this.to < MAX_RECORD_BYTES) this.nextBuffer();
    const { buffer } = this;
    const continues = block === this.current;
    const high = Math.floor(page / PAGES_PER_HIGH);
    const low = (page % PAGES_PER_HIGH) * 2 ** TARGET_PAGE_BITS + kind + (continues ? flag.continues : 0);
    let { to } = this;
    buffer[to] = high >>> 24;
    buffer[to + 1] = high >>> 16;
    buffer[to + 2] = high >>> 8;
    buffer[to + 3] = high;
    buffer[to + 4] = low >>> 24;
    buffer[to + 5] = low >>> 16;
    buffer[to + 6] = low >>> 8;
    buffer[to + 7] = low;
    to += 8;
    if (!continues) {
      const name = this.names[block]!;
      buffer[to++] = name.length;
      buffer.set(name, to);
      to += name.length;
      this.current = block;
    }
    this.to = to;
  }
}
