/** A set of page numbers, one bit per page: a dirty log, pages to send, pages that arrived. */
export class PageBitmap {
  private readonly words: Uint32Array;
  /** Pages in the set. */
  count = 0;

  constructor(
    /** Upper bound of the page numbers, exclusive. */
    readonly pages: number,
    words?: Uint32Array,
  ) {
    this.words = words ?? new Uint32Array(Math.ceil(pages / 32));
  }

  /** Create a set of all pages. */
  static full(pages: number): PageBitmap {
    const all = new PageBitmap(pages);
    all.words.fill(0xffffffff);
    if (pages % 32 !== 0) all.words[all.words.length - 1] = 2 ** (pages % 32) - 1;
    all.count = pages;
    return all;
  }

  /** Return whether the page is in the set. */
  has(page: number): boolean {
    return (this.words[page >>> 5]! & (1 << page)) !== 0;
  }

  /** Add a page; return whether it was not in the set. */
  add(page: number): boolean {
    const bit = 1 << page;
    const word = this.words[page >>> 5]!;
    if ((word & bit) !== 0) return false;
    this.words[page >>> 5] = word | bit;
    this.count++;
    return true;
  }

  /** Remove a page; return whether it was in the set. */
  delete(page: number): boolean {
    const bit = 1 << page;
    const word = this.words[page >>> 5]!;
    if ((word & bit) === 0) return false;
    this.words[page >>> 5] = word & ~bit;
    this.count--;
    return true;
  }

  /** Remove all pages. */
  clear(): void {
    this.words.fill(0);
    this.count = 0;
  }

  /** Return a copy. */
  clone(): PageBitmap {
    const copy = new PageBitmap(this.pages, this.words.slice());
    copy.count = this.count;
    return copy;
  }

  /** Add all pages of another set with the same bound. */
  addAll(other: PageBitmap): void {
    for (let i = 0; i < this.words.length; i++) {
      const word = this.words[i]!;
      const more = other.words[i]! & ~word;
      if (more === 0) continue;
      this.words[i] = word | more;
      this.count += ones(more);
    }
  }

  /** Return whether `holds` is true for every page of the set. */
  every(holds: (page: number) => boolean): boolean {
    for (const page of this) if (!holds(page)) return false;
    return true;
  }

  /** Return the first page of the set that is not below `from`, or -1. */
  next(from: number): number {
    if (from >= this.pages) return -1;
    let i = from >>> 5;
    let word = this.words[i]! & (0xffffffff << from);
    while (word === 0) {
      if (++i === this.words.length) return -1;
      word = this.words[i]!;
    }
    return 32 * i + 31 - Math.clz32(word & -word);
  }

  /** Return the last page of the set that is not above `from`, or -1. */
  previous(from: number): number {
    if (from < 0) return -1;
    let i = from >>> 5;
    let word = this.words[i]! & (0xffffffff >>> (31 - (from & 31)));
    while (word === 0) {
      if (--i < 0) return -1;
      word = this.words[i]!;
    }
    return 32 * i + 31 - Math.clz32(word);
  }

  /** The pages in ascending order. During the iteration only the current page may be removed. */
  *[Symbol.iterator](): Generator<number> {
    for (let page = this.next(0); page >= 0; page = this.next(page + 1)) yield page;
  }
}

/** Return the number of one bits. */
function ones(word: number): number {
  let rest = word - ((word >>> 1) & 0x55555555);
  rest = (rest & 0x33333333) + ((rest >>> 2) & 0x33333333);
  return Math.imul((rest + (rest >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
