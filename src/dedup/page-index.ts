import type { Slots } from '../kernels/arena.js';
import type { Kernels } from '../kernels/kernels.js';

const BUCKET_BYTES = 64;
/** Average load of a bucket, which has eight entries: about 1 % of the pages are then evicted early. */
const PAGES_PER_BUCKET = 4;
/**
 * Look-ups per bucket until the table counts as touched: four per 4 KiB of memory, after which 2 % of the
 * operating system's pages are left that the next look-up would have to wait for.
 */
const TOUCHING_LOOK_UPS_PER_BUCKET = (4 * BUCKET_BYTES) / 4096;
const NO_REFERENCE = 0xffffffff;
/** Flag in the image number of a reference: all bytes of the two pages were compared and are equal. */
export const CONFIRMED = 0x80000000;
const SKETCH_SLOT_BYTES = 12;
const MAX_CANDIDATES = 4;
/** Maximum number of images. */
const MAX_IMAGES = 65536;

/** A page of an image: the image's number in the stream and the page's number in the image. */
export interface PageReference {
  image: number;
  page: number;
}

/**
 * An index of pages by fingerprint (the first 8 bytes of the digest), to find identical pages, and by sketch,
 * to find similar ones. Both tables have a fixed size and evict the oldest entry. A hit may be wrong: the
 * caller compares digests or bytes. A run is the pages of one chunk or batch, which are looked up together.
 */
export class PageIndex {
  /** Result of the last `find` or `wasSeen` that returned true. */
  readonly hit: PageReference = { image: 0, page: 0 };
  /** Results of the last `findSimilar`. */
  readonly candidates: readonly PageReference[] = Array.from({ length: MAX_CANDIDATES }, () => ({
    image: 0,
    page: 0,
  }));
  readonly bucketCount: number;
  /** Address of the buckets. */
  readonly index: number;
  /** By image, 4 words: address of its digests, file descriptor + 1, offset (2); 0: unknown. */
  readonly known: number;
  private readonly kernels: Kernels;
  private readonly sketches: number;
  private readonly features: number;
  private readonly found: number;
  /** Look-ups until the table counts as touched. */
  private touchingLookUps: number;
  /** Address of the current run's references, 8 bytes a page. */
  private runReferences: number;
  /** Address for the references of runs that the calling thread looks up. */
  private readonly ownReferences: number;

  /**
   * `pageCapacity`: a power of two, at least 4. `sketchSlotCount`: a power of two; 0: no sketches.
   * `maxRunPages`: maximum pages of a run. `option`: the user's option that sizes the tables.
   */
  constructor(
    slots: Slots,
    private readonly pageBytes: number,
    pageCapacity: number,
    private readonly sketchSlotCount: number,
    maxRunPages: number,
    option = 'indexPages',
  ) {
    this.kernels = slots.kernels;
    this.bucketCount = pageCapacity / PAGES_PER_BUCKET;
    this.touchingLookUps = this.bucketCount * TOUCHING_LOOK_UPS_PER_BUCKET;
    this.index = slots.slot('fingerprint index', this.bucketCount * BUCKET_BYTES, option);
    this.known = slots.slot('addresses of digests', 16 * MAX_IMAGES);
    this.ownReferences = slots.slot('references of a run', 8 * maxRunPages);
    this.runReferences = this.ownReferences;
    this.sketches = slots.slot('sketches', sketchSlotCount * SKETCH_SLOT_BYTES, option);
    this.features = slots.slot('sketch', 64);
    this.found = this.features + 16;
  }

  /** Set the address of an image's digests, with which hits are compared; 0: they are not in this memory. */
  setDigests(image: number, address: number): void {
    this.kernels.words[(this.known >>> 2) + 4 * image] = address;
  }

  /** Set the descriptor of the file that has an image's bytes from `offset` on: jobs read pages from it. */
  setFile(image: number, file: number, offset: number): void {
    const at = (this.known >>> 2) + 4 * image;
    this.kernels.words[at + 1] = file + 1;
    this.kernels.words[at + 2] = offset % 2 ** 32;
    this.kernels.words[at + 3] = Math.floor(offset / 2 ** 32);
  }

  /**
   * Look up a run of pages by their digests (16 bytes a page), in order, and add those that are new. Pages of
   * a class (u16) other than 0 are left out.
   */
  addRun(digests: number, classes: number, count: number, image: number, firstPage: number): void {
    this.runReferences = this.ownReferences;
    this.kernels.run.indexAddPages(
      this.index,
      this.bucketCount,
      digests,
      classes,
      count,
      image,
      firstPage,
      this.runReferences,
      this.known,
    );
  }

  /**
   * Return whether look-ups cost what they will cost from now on, then count those of a run. Before, most of
   * their time is that of the first access to the table's memory, which is spent once.
   */
  isTouched(classes: number, count: number): boolean {
    if (this.touchingLookUps <= 0) return true;
    for (const pageClass of new Uint16Array(this.kernels.bytes.buffer, classes, count))
      if (pageClass === 0) this.touchingLookUps--;
    return false;
  }

  /** Begin a run that a job has looked up (`indexAddPages`). `references`: the address of its results. */
  useRun(references: number): void {
    this.runReferences = references;
  }

  /** Begin a run of `count` pages that are not looked up: all count as new. */
  skipRun(count: number): void {
    this.runReferences = this.ownReferences;
    const first = this.runReferences >>> 2;
    this.kernels.words.fill(NO_REFERENCE, first, first + 2 * count);
  }

  /** Return whether page `i` of the last run was added, or not looked up. */
  isNew(i: number): boolean {
    return this.kernels.words[(this.runReferences >>> 2) + 2 * i + 1] === NO_REFERENCE;
  }

  /** Return whether a job compared page `i` with the page found for it, and their bytes are equal. */
  isConfirmed(i: number): boolean {
    return this.kernels.words[(this.runReferences >>> 2) + 2 * i + 1]! >= CONFIRMED;
  }

  /** Return whether page `i` of the last run was found; `hit` is the first page with its fingerprint. */
  wasSeen(i: number): boolean {
    return this.read(this.runReferences + 8 * i);
  }

  /** Return whether a page with this digest is in the index; `hit` is that page. */
  find(digest: number): boolean {
    this.kernels.run.indexFind(this.index, this.bucketCount, digest, this.found);
    return this.read(this.found);
  }

  /** Store a page under its digest, in place of an earlier page with that digest. */
  insert(digest: number, image: number, page: number): void {
    this.kernels.run.indexInsert(this.index, this.bucketCount, digest, image, page);
  }

  /** Set `candidates` to pages that share a feature with the whole page at `page`; return their count. */
  findSimilar(page: number): number {
    const { run, words } = this.kernels;
    run.sketchPage(page, this.pageBytes, this.features);
    const count = run.sketchFind(this.sketches, this.sketchSlotCount, this.features, this.found);
    for (let i = 0; i < count; i++) {
      const candidate = this.candidates[i]!;
      candidate.image = words[(this.found >>> 2) + 2 * i]!;
      candidate.page = words[(this.found >>> 2) + 2 * i + 1]!;
    }
    return count;
  }

  /** Store a page under its sketch. `isSketched`: reuse the sketch of the last `findSimilar`. */
  insertSketch(page: number, image: number, number: number, isSketched = false): void {
    const { run } = this.kernels;
    if (!isSketched) run.sketchPage(page, this.pageBytes, this.features);
    run.sketchInsert(this.sketches, this.sketchSlotCount, this.features, image, number);
  }

  private read(reference: number): boolean {
    const { words } = this.kernels;
    const image = words[(reference >>> 2) + 1]!;
    if (image === NO_REFERENCE) return false;
    this.hit.image = image % CONFIRMED;
    this.hit.page = words[reference >>> 2]!;
    return true;
  }
}
