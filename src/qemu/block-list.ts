import {
  FLAG_MASK,
  flag,
  latin1,
  MAX_BLOCKS,
  MAX_RAM_BYTES,
  type QemuBlock,
  TARGET_PAGE_BYTES,
  u32,
  u64,
} from './format.js';
import type { ParseResult } from './sections.js';

/**
 * Parser of the table of RAM blocks: its head, then for each block an entry and its optional fields. The
 * stream does not state which optional fields there are. A name is never empty, so an entry never begins with
 * 00, and a page size always does; the record after the last entry is never a power of two of 4096 or more.
 */
export class BlockList {
  readonly blocks: QemuBlock[] = [];
  private readonly names = new Set<string>();
  /** Bytes of RAM that no entry has named yet; -1 before the head. */
  private remaining = -1;
  /** The optional field that may follow the last entry. */
  private field: 'none' | 'huge-page' | 'address' = 'none';

  /**
   * `pageSizes`: the page sizes that postcopy has advised, or'ed, or 0. `hasAddresses`: every entry has an
   * address (x-ignore-shared).
   */
  constructor(
    private readonly pageSizes: number,
    private readonly hasAddresses: boolean,
  ) {}

  /** Parse the next part of the table. */
  parse(bytes: Uint8Array, at: number, end: number): ParseResult {
    if (this.remaining < 0) return this.head(bytes, at, end);
    if (this.field === 'address') return this.address(end - at);
    if (this.field === 'huge-page') {
      const result = this.hugePage(bytes, at, end);
      if (result) return result;
    }
    return this.remaining === 0 ? { ended: true } : this.entry(bytes, at, end);
  }

  private head(bytes: Uint8Array, at: number, end: number): ParseResult {
    if (end - at < 8) return { needed: 8 };
    const flags = u32(bytes, at + 4) & FLAG_MASK;
    if (flags !== flag.memSize)
      return {
        reason: `a RAM section that begins with flags 0x${flags.toString(16)}, not a table of blocks`,
      };
    const total = u64(bytes, at) - flags;
    if (total === 0 || total > MAX_RAM_BYTES) return { reason: `${total} bytes of RAM` };
    if (this.hasAddresses && this.pageSizes !== 0)
      return { reason: 'postcopy with huge pages and x-ignore-shared: its table of blocks is ambiguous' };
    this.remaining = total;
    return { consumed: 8 };
  }

  private entry(bytes: Uint8Array, at: number, end: number): ParseResult {
    if (at === end) return { needed: 1 };
    const used = 1 + bytes[at]! + 8;
    if (end - at < used) return { needed: used };
    const name = latin1(bytes, at + 1, at + used - 8);
    const size = u64(bytes, at + used - 8);
    if (name === '' || this.names.has(name))
      return { reason: name === '' ? 'a block without a name' : `a second block "${name}"` };
    if (size === 0 || size % TARGET_PAGE_BYTES !== 0 || size > this.remaining)
      return { reason: `block "${name}" of ${size} bytes, with ${this.remaining} bytes of RAM left` };
    if (this.blocks.length === MAX_BLOCKS) return { reason: `more than ${MAX_BLOCKS} blocks` };
    this.names.add(name);
    this.blocks.push({ name, bytes: size });
    this.remaining -= size;
    this.field = this.hasAddresses ? 'address' : this.pageSizes === 0 ? 'none' : 'huge-page';
    return { consumed: used };
  }

  private address(available: number): ParseResult {
    if (available < 8) return { needed: 8 };
    this.field = 'none';
    return { consumed: 8 };
  }

  /** Parse a page size; undefined if the entry has none. */
  private hugePage(bytes: Uint8Array, at: number, end: number): ParseResult | undefined {
    if (at === end) return { needed: 1 };
    if (bytes[at] !== 0) {
      this.field = 'none';
      return this.remaining === 0 ? { reason: 'a table of blocks that continues after all RAM' } : undefined;
    }
    if (end - at < 8) return { needed: 8 };
    const hugePageBytes = u64(bytes, at);
    const isSize =
      hugePageBytes > TARGET_PAGE_BYTES &&
      Number.isInteger(Math.log2(hugePageBytes)) &&
      this.isAdvised(hugePageBytes);
    this.field = 'none';
    if (isSize) {
      this.blocks.push({ ...this.blocks.pop()!, hugePageBytes });
      return { consumed: 8 };
    }
    return this.remaining === 0
      ? undefined
      : { reason: `pages of ${hugePageBytes} bytes, which postcopy did not advise` };
  }

  private isAdvised(pageBytes: number): boolean {
    return Math.floor(this.pageSizes / pageBytes) % 2 === 1;
  }
}
