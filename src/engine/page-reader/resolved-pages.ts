/** Pages that are remembered at most, 24 bytes each: enough for images of 2 GiB with pages of 4 KiB. */
const MAX_SLOTS = 1 << 20;
/** Consecutive images begin this far apart, as a share of all slots, so that their pages do not collide. */
const GOLDEN_RATIO = 0x9e3779b1;

/**
 * Remembers to which page a page without bytes of its own leads, over any number of references. So a page
 * that did not change in hundreds of images is followed to its bytes once per image, not through all images
 * before it each time. A newer page replaces an older one in its slot.
 */
export class ResolvedPages {
  private readonly mask: number;
  /** By slot: image plus 1 (0: empty) and page, then the image and page that they lead to. */
  private images = new Uint32Array(0);
  private pages = new Float64Array(0);
  private targetImages = new Uint32Array(0);
  private targetPages = new Float64Array(0);
  /** The result of `find`. */
  image = 0;
  page = 0;

  /** `pages`: pages of the largest image. */
  constructor(pages: number) {
    let slots = 1;
    while (slots < Math.min(2 * pages, MAX_SLOTS)) slots *= 2;
    this.mask = slots - 1;
  }

  /** Look up a page. If it is known, `image` and `page` are what it leads to. */
  find(image: number, page: number): boolean {
    const slot = this.slotOf(image, page);
    if (this.images[slot] !== image + 1 || this.pages[slot] !== page) return false;
    this.image = this.targetImages[slot]!;
    this.page = this.targetPages[slot]!;
    return true;
  }

  put(image: number, page: number, targetImage: number, targetPage: number): void {
    if (this.images.length === 0) this.allocate();
    const slot = this.slotOf(image, page);
    this.images[slot] = image + 1;
    this.pages[slot] = page;
    this.targetImages[slot] = targetImage;
    this.targetPages[slot] = targetPage;
  }

  /** Release the memory. */
  clear(): void {
    this.images = new Uint32Array(0);
  }

  private allocate(): void {
    const slots = this.mask + 1;
    this.images = new Uint32Array(slots);
    this.pages = new Float64Array(slots);
    this.targetImages = new Uint32Array(slots);
    this.targetPages = new Float64Array(slots);
  }

  private slotOf(image: number, page: number): number {
    const first = Math.floor(((Math.imul(image, GOLDEN_RATIO) >>> 0) / 2 ** 32) * (this.mask + 1));
    return (first + (page % (this.mask + 1))) & this.mask;
  }
}
