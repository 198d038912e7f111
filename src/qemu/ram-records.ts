import type { QemuEvents } from './events.js';
import {
  FLAG_MASK,
  FOREIGN_FLAGS,
  flag,
  latin1,
  PAGES_PER_HIGH,
  type QemuBlock,
  TARGET_PAGE_BITS,
  TARGET_PAGE_BYTES,
  u16,
  u32,
  XBZRLE_ENCODING,
} from './format.js';

const PLACE_BYTES = 8;
const CONTENT_FLAGS = flag.page | flag.zero | flag.xbzrle;

/** The records of RAM sections: the one place where it matters how long a page takes. */
export class RamRecords {
  /** The block of the last record; -1 before the first. */
  block = -1;
  /** No changes are sent any more. */
  postcopy = false;
  /** Why the last `read` ended: it needs `need` bytes from there on, the section's records ended, or `reason` was found. */
  outcome: 'more' | 'end' | 'foreign' = 'more';
  need = 0;
  reason = '';
  private readonly numbers = new Map<string, number>();
  private readonly pages: number[] = [];

  constructor(blocks: readonly QemuBlock[]) {
    for (const [number, { name, bytes }] of blocks.entries()) {
      this.numbers.set(name, number);
      this.pages.push(bytes / TARGET_PAGE_BYTES);
    }
  }

  /** Reads records from bytes[at] on, as far as whole ones go before `end`; gives where it stopped, see `outcome`. */
  read(bytes: Uint8Array, at: number, end: number, events: QemuEvents): number {
    for (;;) {
      if (end - at < PLACE_BYTES) return this.wants(PLACE_BYTES, at);
      const low = u32(bytes, at + 4);
      const page = u32(bytes, at) * PAGES_PER_HIGH + (low >>> TARGET_PAGE_BITS);
      const flags = low & FLAG_MASK;
      let { block } = this;
      let body = at + PLACE_BYTES;
      if ((flags & flag.continues) === 0) {
        if (flags === flag.end && page === 0) {
          events.literal(bytes, at, body);
          this.outcome = 'end';
          return body;
        }
        if ((flags & ~CONTENT_FLAGS) !== 0 || flags === 0) return this.foreign(flags, at);
        if (body === end) return this.wants(PLACE_BYTES + 1, at);
        body += 1 + bytes[body]!;
        if (body > end) return this.wants(body - at, at);
        const name = latin1(bytes, at + PLACE_BYTES + 1, body);
        const number = this.numbers.get(name);
        if (number === undefined)
          return this.refuse(`a record of block "${name}", which the table of blocks does not have`, at);
        block = number;
      } else if (block < 0) return this.refuse('a record of the same block as before, and none before', at);
      if (page >= this.pages[block]!)
        return this.refuse(`page ${page} of a block of ${this.pages[block]} pages`, at);
      const kind = flags & ~flag.continues;
      if (kind === flag.page) {
        if (end - body < TARGET_PAGE_BYTES) return this.wants(body - at + TARGET_PAGE_BYTES, at);
        this.block = block;
        events.page(block, page, bytes, body);
        at = body + TARGET_PAGE_BYTES;
      } else if (kind === flag.zero) {
        if (body === end) return this.wants(body - at + 1, at);
        this.block = block;
        events.fill(block, page, bytes[body]!);
        at = body + 1;
      } else if (kind === flag.xbzrle) {
        const next = this.changes(bytes, at, body, end, block, page, events);
        if (next < 0) return at;
        at = next;
      } else return this.foreign(kind, at);
    }
  }

  /** One xbzrle record; gives where the next begins, or -1 where `outcome` says why not. */
  private changes(
    b: Uint8Array,
    at: number,
    body: number,
    end: number,
    block: number,
    page: number,
    events: QemuEvents,
  ): number {
    if (end - body < 3) {
      this.wants(body - at + 3, at);
      return -1;
    }
    const length = u16(b, body + 1);
    if (this.postcopy) this.refuse('an xbzrle record in postcopy', at);
    else if (b[body] !== XBZRLE_ENCODING) this.refuse(`an xbzrle record of encoding ${b[body]}`, at);
    else if (length === 0 || length > TARGET_PAGE_BYTES)
      this.refuse(`an xbzrle record of ${length} bytes`, at);
    else if (end - body - 3 < length) this.wants(body - at + 3 + length, at);
    else {
      this.block = block;
      events.xbzrle(block, page, b, body + 3, length);
      return body + 3 + length;
    }
    return -1;
  }

  private wants(bytes: number, at: number): number {
    this.outcome = 'more';
    this.need = bytes;
    return at;
  }

  private foreign(flags: number, at: number): number {
    for (const [bit, what] of Object.entries(FOREIGN_FLAGS))
      if ((flags & Number(bit)) !== 0) return this.refuse(what, at);
    return this.refuse(`a record of flags 0x${flags.toString(16)}`, at);
  }

  private refuse(reason: string, at: number): number {
    this.outcome = 'foreign';
    this.reason = reason;
    return at;
  }
}
