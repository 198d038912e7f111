import type { Slots } from '../kernels/arena.js';
import type { Kernels } from '../kernels/kernels.js';

const BUCKET_BYTES = 64;
/**
 * Load of a bucket: it holds eight entries, and at a load of four about 1 % of the pages are evicted early.
 */
const PAGES_PER_BUCKET = 4;
const NO_REFERENCE = 0xffffffff;
/** Set in the image of a reference to a page that is equal in every byte. */
export const CONFIRMED = 0x80000000;
const SKETCH_SLOT_BYTES = 12;
const MAX_CANDIDATES = 4;
/** Images that the index tells apart. */
const MAX_IMAGES = 65536;

/** A page of an image: the image's number in the stream and the page's number in the image. */
export interface PageReference {
  image: number;
  page: number;
}

/**
 * An index of pages by fingerprint (the first 8 bytes of the digest), to find identical pages, and by sketch,
 * to find similar ones. Both tables have a fixed size and evict the oldest entry. A hit is a candidate: the
 * caller compares digests or bytes.
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
  /** Address of 16 bytes an image: where its digests are; its file's descriptor + 1, offset; 0: unknown. */
  readonly known: number;
  private readonly kernels: Kernels;
  private readonly sketches: number;
  private readonly features: number;
  private readonly found: number;
  /** References of the pages of the current run, 8 bytes each, and those of runs that are looked up here. */
  private runReferences: number;
  private readonly ownReferences: number;

  /**
   * `pageCapacity`: pages that the index is sized for, a power of two, at least 4; `sketchSlotCount`: a power
   * of two, 0 for none; `maxRunPages`: the longest run that `addRun` is given; `option`: the user's option
   * that sizes the tables.
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
    this.index = slots.slot('fingerprint index', this.bucketCount * BUCKET_BYTES, option);
    this.known = slots.slot('addresses of digests', 16 * MAX_IMAGES);
    this.ownReferences = slots.slot('references of a run', 8 * maxRunPages);
    this.runReferences = this.ownReferences;
    this.sketches = slots.slot('sketches', sketchSlotCount * SKETCH_SLOT_BYTES, option);
    this.features = slots.slot('sketch', 64);
    this.found = this.features + 16;
  }

  /** Set where the digests of an image's pages are, to compare hits with; 0: not in the memory. */
  setDigests(image: number, address: number): void {
    this.kernels.words[(this.known >>> 2) + 4 * image] = address;
  }

  /** Set the descriptor of the file that has an image's bytes, from `offset` on: threads read pages there. */
  setFile(image: number, file: number, offset: number): void {
    const at = (this.known >>> 2) + 4 * image;
    this.kernels.words[at + 1] = file + 1;
    this.kernels.words[at + 2] = offset % 2 ** 32;
    this.kernels.words[at + 3] = Math.floor(offset / 2 ** 32);
  }

  /**
   * Look up a run of pages by their digests (16 bytes a page) and add those that are new, in order; pages of
   * a class (u16) other than 0 are left out. Afterwards `wasSeen(i)` tells whether page `i` was found.
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

  /** Begin a run that a thread looked up with `indexAddPages`, and whose references it wrote. */
  useRun(references: number): void {
    this.runReferences = references;
  }

  /** Begin a run of `count` pages that are not looked up: all of them count as new. */
  skipRun(count: number): void {
    this.runReferences = this.ownReferences;
    const first = this.runReferences >>> 2;
    this.kernels.words.fill(NO_REFERENCE, first, first + 2 * count);
  }

  /** Return whether page `i` of the last run was added, or not looked up. */
  isNew(i: number): boolean {
    return this.kernels.words[(this.runReferences >>> 2) + 2 * i + 1] === NO_REFERENCE;
  }

  /** Return whether the bytes of page `i`, which was found, equal those of the page found. */
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

  /**
   * Store a page under its sketch; `isSketched`: it is the page of the last `findSimilar`, whose sketch is
   * reused.
   */
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
