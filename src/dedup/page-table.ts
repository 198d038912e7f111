/** Words (u32) of a page's entry: the page's digest (4 words), and one word for the user of the table. */
const PAGE_WORDS = 5;
const LEAF_PAGES = 1024;
const LEAVES_PER_DIRECTORY = 1024;
const DIRECTORY_PAGES = LEAF_PAGES * LEAVES_PER_DIRECTORY;

/**
 * A sparse table with an entry of five words for each page number, zero at first. Memory is allocated when a
 * page is first written, 20 KiB for each 1024 pages, so that a guest's claimed size costs nothing.
 */
export class PageTable {
  private readonly directories: (Uint32Array | undefined)[][] = [];

  /**
   * Return the leaf that has the page's entry, at `offset(page)`, or undefined if the leaf is not allocated.
   */
  find(page: number): Uint32Array | undefined {
    const leaf = Math.floor(page / LEAF_PAGES);
    return this.directories[Math.floor(page / DIRECTORY_PAGES)]?.[leaf % LEAVES_PER_DIRECTORY];
  }

  /** As `find`, but allocate the leaf if necessary. */
  open(page: number): Uint32Array {
    const number = Math.floor(page / DIRECTORY_PAGES);
    let directory = this.directories[number];
    if (!directory) {
      directory = new Array<Uint32Array | undefined>(LEAVES_PER_DIRECTORY).fill(undefined);
      this.directories[number] = directory;
    }
    const leaf = Math.floor(page / LEAF_PAGES) % LEAVES_PER_DIRECTORY;
    directory[leaf] ??= new Uint32Array(PAGE_WORDS * LEAF_PAGES);
    return directory[leaf];
  }

  /** Return the index of the page's first word in its leaf. */
  static offset(page: number): number {
    return PAGE_WORDS * (page % LEAF_PAGES);
  }
}
