/** Maximum number of slots, 24 bytes each: enough for images of 2 GiB with pages of 4 KiB. */
const MAX_SLOTS = 1 << 20;
/**
 * Distance of the first slots of consecutive images, as a fraction of all slots, so that pages do not
 * collide.
 */
const GOLDEN_RATIO = 0x9e3779b1;

/**
 * A cache from a page without bytes to the page that its references finally lead to. So a page that is
 * unchanged in hundreds of images takes one step for each image, instead of one step for each earlier image
 * every time. A slot keeps the page that was put last.
 */
export class ResolvedPages {
  private readonly mask: number;
  /** By slot: image plus 1 (0: empty) and page; then image and page of the target. */
  private images = new Uint32Array(0);
  private pages = new Float64Array(0);
  private targetImages = new Uint32Array(0);
  private targetPages = new Float64Array(0);
  /** The result of `find`. */
  image = 0;
  page = 0;

  /** `pages`: number of pages of the largest image. */
  constructor(pages: number) {
    let slots = 1;
    while (slots < Math.min(2 * pages, MAX_SLOTS)) slots *= 2;
    this.mask = slots - 1;
  }

  /** Look up a page; return whether it is known, and set `image` and `page` to its target. */
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
