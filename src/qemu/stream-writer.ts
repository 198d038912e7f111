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

export interface QemuWriterOptions {
  /** The size of what is handed out, unless it is flushed before; at least 8 KiB. */
  readonly pieceBytes?: number;
  /** Gives room of so many bytes for the next piece, which nobody reads any more; otherwise each has memory of its own. */
  readonly room?: (bytes: number) => Uint8Array;
  /**
   * Writes pages filled with another byte than 0 in full: QEMU 10.2 takes no other fill, and 7.2 does. QEMU itself fills with 0 only,
   * so this is for records that somebody else has made.
   */
  readonly onlyZeroFill?: boolean;
}

/**
 * Writes what a `QemuStreamReader` read, from the same calls; the same calls in the same order give the same bytes, since like QEMU it
 * names a record's block only where it changes. Other records than were read may be written: every reader of the stream only sees
 * records. InputBuffer handed out are the taker's; they are not written to again.
 */
export class QemuStreamWriter {
  private readonly pieceBytes: number;
  private readonly onlyZeroFill: boolean;
  private readonly room: (bytes: number) => Uint8Array;
  private piece: Uint8Array;
  /** Of the piece, [from, to) has been written and not handed out. */
  private from = 0;
  private to = 0;
  private names: readonly Uint8Array[] = [];
  private current = -1;

  constructor(
    private readonly out: (bytes: Uint8Array) => void,
    {
      pieceBytes = 256 << 10,
      onlyZeroFill = false,
      room = (bytes) => new Uint8Array(bytes),
    }: QemuWriterOptions = {},
  ) {
    this.pieceBytes = Math.max(pieceBytes, 2 * MAX_RECORD_BYTES);
    this.onlyZeroFill = onlyZeroFill;
    this.room = room;
    this.piece = this.room(this.pieceBytes);
  }

  /** The block of the last record; -1 before the first. See `opaque` of `QemuEvents` for when that matters. */
  get block(): number {
    return this.current;
  }

  /** The table of blocks, before the first record. (What it looks like in the stream is a literal.) */
  blocks(blocks: readonly QemuBlock[]): void {
    this.names = blocks.map(({ name }) => Uint8Array.from(name, (letter) => letter.charCodeAt(0)));
  }

  /** QEMU names the block of the first record after the switch. */
  postcopy(): void {
    this.current = -1;
  }

  literal(bytes: Uint8Array, from: number, to: number): void {
    while (from < to) {
      if (this.to === this.piece.length) this.renew();
      const some = Math.min(to - from, this.piece.length - this.to);
      this.piece.set(bytes.subarray(from, from + some), this.to);
      this.to += some;
      from += some;
    }
  }

  page(block: number, page: number, bytes: Uint8Array, at: number): void {
    this.head(block, page, flag.page);
    const { piece, to } = this;
    piece.set(bytes.subarray(at, at + TARGET_PAGE_BYTES), to);
    this.to = to + TARGET_PAGE_BYTES;
  }

  fill(block: number, page: number, value: number): void {
    if (value !== 0 && this.onlyZeroFill) {
      this.head(block, page, flag.page);
      this.piece.fill(value, this.to, this.to + TARGET_PAGE_BYTES);
      this.to += TARGET_PAGE_BYTES;
      return;
    }
    this.head(block, page, flag.zero);
    this.piece[this.to++] = value;
  }

  xbzrle(block: number, page: number, bytes: Uint8Array, at: number, length: number): void {
    this.head(block, page, flag.xbzrle);
    this.piece[this.to++] = XBZRLE_ENCODING;
    this.piece[this.to++] = length >>> 8;
    this.piece[this.to++] = length;
    this.piece.set(bytes.subarray(at, at + length), this.to);
    this.to += length;
  }

  /** Hands out what has been written. */
  flush(): void {
    if (this.from === this.to) return;
    this.out(this.piece.subarray(this.from, this.to));
    this.from = this.to;
  }

  private renew(): void {
    this.flush();
    this.piece = this.room(this.pieceBytes);
    this.from = 0;
    this.to = 0;
  }

  private head(block: number, page: number, kind: number): void {
    if (this.piece.length - this.to < MAX_RECORD_BYTES) this.renew();
    const { piece } = this;
    const continues = block === this.current;
    const high = Math.floor(page / PAGES_PER_HIGH);
    const low = (page % PAGES_PER_HIGH) * 2 ** TARGET_PAGE_BITS + kind + (continues ? flag.continues : 0);
    let { to } = this;
    piece[to] = high >>> 24;
    piece[to + 1] = high >>> 16;
    piece[to + 2] = high >>> 8;
    piece[to + 3] = high;
    piece[to + 4] = low >>> 24;
    piece[to + 5] = low >>> 16;
    piece[to + 6] = low >>> 8;
    piece[to + 7] = low;
    to += 8;
    if (!continues) {
      const name = this.names[block]!;
      piece[to++] = name.length;
      piece.set(name, to);
      to += name.length;
      this.current = block;
    }
    this.to = to;
  }
}
