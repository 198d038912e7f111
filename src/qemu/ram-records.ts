import type { QemuEvents } from './events.js';
import {
  FLAG_MASK,
  flag,
  latin1,
  PAGES_PER_HIGH,
  type QemuBlock,
  TARGET_PAGE_BITS,
  TARGET_PAGE_BYTES,
  UNSUPPORTED_FLAGS,
  u16,
  u32,
  XBZRLE_ENCODING,
} from './format.js';

const POSITION_BYTES = 8;
const CONTENT_FLAGS = flag.page | flag.zero | flag.xbzrle;

/**
 * Parser of the records in RAM sections. `parse` runs for every page, so it is one loop without allocations.
 */
export class RamRecords {
  /** Block of the last record; -1 before the first. */
  block = -1;
  /** Whether the stream has switched to postcopy: XBZRLE records are invalid then. */
  postcopy = false;
  /**
   * Result of the last `parse`: the next record needs `needed` bytes; the records of the section have ended;
   * or a record cannot be parsed, because of `reason`.
   */
  outcome: 'needs-more' | 'ended' | 'unsupported' = 'needs-more';
  needed = 0;
  reason = '';
  private readonly numbers = new Map<string, number>();
  private readonly pages: number[] = [];

  constructor(blocks: readonly QemuBlock[]) {
    for (const [number, { name, bytes }] of blocks.entries()) {
      this.numbers.set(name, number);
      this.pages.push(bytes / TARGET_PAGE_BYTES);
    }
  }

  /**
   * Parse the whole records in bytes[at, end) and set `outcome`. Returns the offset of the first byte not
   * consumed.
   */
  parse(bytes: Uint8Array, at: number, end: number, events: QemuEvents): number {
    for (;;) {
      if (end - at < POSITION_BYTES) return this.needMore(POSITION_BYTES, at);
      const low = u32(bytes, at + 4);
      const page = u32(bytes, at) * PAGES_PER_HIGH + (low >>> TARGET_PAGE_BITS);
      const flags = low & FLAG_MASK;
      let { block } = this;
      let body = at + POSITION_BYTES;
      if ((flags & flag.continues) === 0) {
        if (flags === flag.end && page === 0) {
          events.onLiteral(bytes, at, body);
          this.outcome = 'ended';
          return body;
        }
        if (flags === flag.multifdFlush && page === 0) {
          events.onLiteral(bytes, at, body);
          events.onMultifdFlush?.();
          at = body;
          continue;
        }
        if ((flags & ~CONTENT_FLAGS) !== 0 || flags === 0) return this.unknownFlags(flags, at);
        if (body === end) return this.needMore(POSITION_BYTES + 1, at);
        body += 1 + bytes[body]!;
        if (body > end) return this.needMore(body - at, at);
        const name = latin1(bytes, at + POSITION_BYTES + 1, body);
        const number = this.numbers.get(name);
        if (number === undefined)
          return this.refuse(`a record of block "${name}", which is not in the table of blocks`, at);
        block = number;
      } else if (block < 0) return this.refuse('a record with CONTINUE before the first named block', at);
      if (page >= this.pages[block]!)
        return this.refuse(`page ${page} of a block of ${this.pages[block]} pages`, at);
      const kind = flags & ~flag.continues;
      if (kind === flag.page) {
        if (end - body < TARGET_PAGE_BYTES) return this.needMore(body - at + TARGET_PAGE_BYTES, at);
        this.block = block;
        events.onPage(block, page, bytes, body, at);
        at = body + TARGET_PAGE_BYTES;
      } else if (kind === flag.zero) {
        if (body === end) return this.needMore(body - at + 1, at);
        this.block = block;
        events.onFill(block, page, bytes[body]!, bytes, at, body + 1);
        at = body + 1;
      } else if (kind === flag.xbzrle) {
        const next = this.xbzrle(bytes, at, body, end, block, page, events);
        if (next < 0) return at;
        at = next;
      } else return this.unknownFlags(kind, at);
    }
  }

  /**
   * Parse the rest of an XBZRLE record. Returns the offset of the next record, or -1 after setting `outcome`.
   */
  private xbzrle(
    bytes: Uint8Array,
    at: number,
    body: number,
    end: number,
    block: number,
    page: number,
    events: QemuEvents,
  ): number {
    if (end - body < 3) {
      this.needMore(body - at + 3, at);
      return -1;
    }
    const length = u16(bytes, body + 1);
    if (this.postcopy) this.refuse('an XBZRLE record in postcopy', at);
    else if (bytes[body] !== XBZRLE_ENCODING) this.refuse(`an XBZRLE record of encoding ${bytes[body]}`, at);
    else if (length === 0 || length > TARGET_PAGE_BYTES)
      this.refuse(`an XBZRLE record of ${length} bytes`, at);
    else if (end - body - 3 < length) this.needMore(body - at + 3 + length, at);
    else {
      this.block = block;
      events.onXbzrle(block, page, bytes, body + 3, length);
      return body + 3 + length;
    }
    return -1;
  }

  private needMore(bytes: number, at: number): number {
    this.outcome = 'needs-more';
    this.needed = bytes;
    return at;
  }

  private unknownFlags(flags: number, at: number): number {
    for (const [bit, meaning] of Object.entries(UNSUPPORTED_FLAGS))
      if ((flags & Number(bit)) !== 0) return this.refuse(meaning, at);
    return this.refuse(`a record with flags 0x${flags.toString(16)}`, at);
  }

  private refuse(reason: string, at: number): number {
    this.outcome = 'unsupported';
    this.reason = reason;
    return at;
  }
}
