import type { Kernels } from '../kernels/kernels.js';

const NONE = 0xffffffff;

/**
 * The last versions of pages, kept within a budget for sources that cannot be read again. A page number that once got room keeps
 * it; when the budget is used up, further page numbers get none (their digests still tell when they are unchanged).
 */
export class ParentPageCache {
  private readonly base: number;
  private readonly capacity: number;
  private used = 0;
  private slotOf = new Uint32Array(0);
  /** Which images a slot's content stands for: it came with `since` and was still the page in `until`. */
  private readonly since: Uint32Array;
  private readonly until: Uint32Array;
  private readonly held: Uint32Array;

  constructor(
    private readonly kernels: Kernels,
    private readonly pageBytes: number,
    budgetBytes: number,
  ) {
    this.capacity = Math.floor(budgetBytes / pageBytes);
    this.base = this.capacity > 0 ? kernels.reserve(this.capacity * pageBytes, 'last versions') : 0;
    this.since = new Uint32Array(this.capacity);
    this.until = new Uint32Array(this.capacity);
    this.held = new Uint32Array(this.capacity);
  }

  /** Where `page` stands as it was in `image`, or 0. */
  find(image: number, page: number): number {
    const slot = this.slot(page);
    return slot === NONE || image < this.since[slot]! || image > this.until[slot]! ? 0 : this.address(slot);
  }

  /** Keeps a page as it is in `image`; false when the budget has no room for it. */
  keep(image: number, page: number, address: number, bytes: number): boolean {
    let slot = this.slot(page);
    if (slot === NONE) {
      if (this.used === this.capacity) return false;
      slot = this.used++;
      this.grow(page);
      this.slotOf[page] = slot;
    }
    this.kernels.bytes.copyWithin(this.address(slot), address, address + bytes);
    this.since[slot] = image;
    this.until[slot] = image;
    this.held[slot] = bytes;
    return true;
  }

  /**
   * Says that `page`, as `parent` had it, is also what `image` has. Only heard when nothing lies between the two: the image in
   * between may have another page there that was not kept.
   */
  extend(parent: number, image: number, page: number): void {
    const slot = this.slot(page);
    if (slot !== NONE && this.until[slot] === parent && image === parent + 1) this.until[slot] = image;
  }

  private slot(page: number): number {
    return page < this.slotOf.length ? this.slotOf[page]! : NONE;
  }

  private address(slot: number): number {
    return this.base + slot * this.pageBytes;
  }

  private grow(page: number): void {
    if (page < this.slotOf.length) return;
    const larger = new Uint32Array(Math.max(1024, 2 * this.slotOf.length, page + 1)).fill(NONE);
    larger.set(this.slotOf);
    this.slotOf = larger;
  }
}
