import type { Slots } from '../kernels/arena.js';
import type { Kernels } from '../kernels/kernels.js';

const NO_SLOT = 0xffffffff;
/** Page numbers of one table. Tables are created only for page numbers in use. */
const TABLE_PAGES = 65536;

/**
 * A cache of the last version of each page, for sources that cannot be read again, within a budget in bytes.
 * A page number keeps its slot. Once the budget is used up, further page numbers get no slot: digests alone
 * decide whether these pages changed.
 */
export class ParentPageCache {
  private readonly kernels: Kernels;
  private readonly pages: number;
  private readonly capacity: number;
  private used = 0;
  private readonly tables: (Uint32Array | undefined)[] = [];
  /** By slot: the first and the last image whose page has these bytes. */
  private readonly since: Uint32Array;
  private readonly until: Uint32Array;

  constructor(
    slots: Slots,
    private readonly pageBytes: number,
    budgetBytes: number,
  ) {
    this.kernels = slots.kernels;
    this.capacity = Math.floor(budgetBytes / pageBytes);
    this.pages = slots.slot('last versions of pages', this.capacity * pageBytes, 'deltaBudgetBytes');
    this.since = new Uint32Array(this.capacity);
    this.until = new Uint32Array(this.capacity);
  }

  /** Return the address of the version of `page` in `image`, or 0. */
  find(image: number, page: number): number {
    const slot = this.slot(page);
    return slot === NO_SLOT || image < this.since[slot]! || image > this.until[slot]!
      ? 0
      : this.address(slot);
  }

  /** Store the `bytes` bytes at `address` as `page` of `image`; return false if the budget is used up. */
  keep(image: number, page: number, address: number, bytes: number): boolean {
    let slot = this.slot(page);
    if (slot === NO_SLOT) {
      if (this.used === this.capacity) return false;
      slot = this.used++;
      this.table(page)[page % TABLE_PAGES] = slot;
    }
    this.kernels.run.copyBytes(this.address(slot), address, bytes);
    this.since[slot] = image;
    this.until[slot] = image;
    return true;
  }

  /** Record that `page` is the same in `image` and `parent`, if no image is between them. */
  extend(parent: number, image: number, page: number): void {
    const slot = this.slot(page);
    if (slot !== NO_SLOT && this.until[slot] === parent && image === parent + 1) this.until[slot] = image;
  }

  private slot(page: number): number {
    const table = this.tables[Math.floor(page / TABLE_PAGES)];
    return table ? table[page % TABLE_PAGES]! : NO_SLOT;
  }

  private address(slot: number): number {
    return this.pages + slot * this.pageBytes;
  }

  private table(page: number): Uint32Array {
    const number = Math.floor(page / TABLE_PAGES);
    this.tables[number] ??= new Uint32Array(TABLE_PAGES).fill(NO_SLOT);
    return this.tables[number];
  }
}
