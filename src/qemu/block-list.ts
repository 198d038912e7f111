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
import type { Unit } from './sections.js';

/**
 * The table of blocks, one unit after the other: its head, then for each block an entry and what the stream adds to it. The
 * stream does not say which additions there are, but a name is never empty, so an entry never begins with 00, where the 64 bits of
 * a page's size always do; and the record behind the last entry is never a power of two of 4096 or more.
 */
export class BlockList {
  readonly blocks: QemuBlock[] = [];
  private readonly names = new Set<string>();
  private remaining = -1;
  private addition: 'none' | 'huge-page' | 'address' = 'none';

  /** `pageSizes`: all sizes of pages, or'ed, where postcopy announced them, else 0. `addresses`: entries have one (x-ignore-shared). */
  constructor(
    private readonly pageSizes: number,
    private readonly addresses: boolean,
  ) {}

  unit(bytes: Uint8Array, at: number, end: number): Unit {
    if (this.remaining < 0) return this.head(bytes, at, end);
    if (this.addition === 'address') return this.address(end - at);
    if (this.addition === 'huge-page') {
      const unit = this.hugePage(bytes, at, end);
      if (unit) return unit;
    }
    return this.remaining === 0 ? { done: true } : this.entry(bytes, at, end);
  }

  private head(bytes: Uint8Array, at: number, end: number): Unit {
    if (end - at < 8) return { need: 8 };
    const flags = u32(bytes, at + 4) & FLAG_MASK;
    if (flags !== flag.memSize)
      return {
        reason: `a RAM section that begins with flags 0x${flags.toString(16)}, not a table of blocks`,
      };
    const total = u64(bytes, at) - flags;
    if (total === 0 || total > MAX_RAM_BYTES) return { reason: `${total} bytes of RAM` };
    if (this.addresses && this.pageSizes !== 0)
      return { reason: 'postcopy with huge pages and x-ignore-shared: its table of blocks has two meanings' };
    this.remaining = total;
    return { taken: 8 };
  }

  private entry(bytes: Uint8Array, at: number, end: number): Unit {
    if (at === end) return { need: 1 };
    const used = 1 + bytes[at]! + 8;
    if (end - at < used) return { need: used };
    const name = latin1(bytes, at + 1, at + used - 8);
    const size = u64(bytes, at + used - 8);
    if (name === '' || this.names.has(name))
      return { reason: name === '' ? 'a block without a name' : `a second block "${name}"` };
    if (size === 0 || size % TARGET_PAGE_BYTES !== 0 || size > this.remaining)
      return { reason: `block "${name}" of ${size} bytes, where ${this.remaining} are left of all RAM` };
    if (this.blocks.length === MAX_BLOCKS) return { reason: `more than ${MAX_BLOCKS} blocks` };
    this.names.add(name);
    this.blocks.push({ name, bytes: size });
    this.remaining -= size;
    this.addition = this.addresses ? 'address' : this.pageSizes === 0 ? 'none' : 'huge-page';
    return { taken: used };
  }

  private address(room: number): Unit {
    if (room < 8) return { need: 8 };
    this.addition = 'none';
    return { taken: 8 };
  }

  /** Undefined where there is none. */
  private hugePage(bytes: Uint8Array, at: number, end: number): Unit | undefined {
    if (at === end) return { need: 1 };
    if (bytes[at] !== 0) {
      this.addition = 'none';
      return this.remaining === 0 ? { reason: `a table of blocks that goes on after all RAM` } : undefined;
    }
    if (end - at < 8) return { need: 8 };
    const hugePageBytes = u64(bytes, at);
    const isSize =
      hugePageBytes > TARGET_PAGE_BYTES &&
      Number.isInteger(Math.log2(hugePageBytes)) &&
      this.announced(hugePageBytes);
    this.addition = 'none';
    if (isSize) {
      this.blocks.push({ ...this.blocks.pop()!, hugePageBytes });
      return { taken: 8 };
    }
    return this.remaining === 0
      ? undefined
      : { reason: `pages of ${hugePageBytes} bytes, which postcopy did not announce` };
  }

  private announced(pageBytes: number): boolean {
    return Math.floor(this.pageSizes / pageBytes) % 2 === 1;
  }
}
