import type { Kernels } from '../kernels/kernels.js';

const BUCKET_BYTES = 64;
/** A bucket has room for eight; at four hardly any is forgotten. */
const PAGES_A_BUCKET = 4;
const NO_PLACE = 0xffffffff;
const SKETCH_SLOT_BYTES = 12;
const MAX_CANDIDATES = 4;

/** Where a page stands. */
export interface PageReference {
  image: number;
  page: number;
}

/**
 * Which pages were seen: by fingerprint, to find identical ones, and by sketch, to find similar ones. Both tables are bounded
 * and forget the oldest; what they find is a candidate until its bytes were compared.
 */
export class PageIndex {
  private readonly index: number;
  private readonly sketches: number;
  private readonly features: number;
  private readonly found: number;
  /** Where the pages of the last run were seen: 8 bytes each. */
  private readonly places: number;
  private readonly bucketCount: number;
  /** What `find` or `wasSeen` told last. */
  readonly hit: PageReference = { image: 0, page: 0 };
  /** The last `findSimilar`'s results. */
  readonly candidates: readonly PageReference[] = Array.from({ length: MAX_CANDIDATES }, () => ({
    image: 0,
    page: 0,
  }));

  constructor(
    private readonly kernels: Kernels,
    private readonly pageBytes: number,
    /** A power of two, at least 4. */
    pageCapacity: number,
    private readonly sketchSlotCount: number,
    /** The longest run that `addRun` is given. */
    runPages: number,
  ) {
    this.bucketCount = pageCapacity / PAGES_A_BUCKET;
    this.index = kernels.reserve(this.bucketCount * BUCKET_BYTES, 'fingerprint index');
    this.places = kernels.reserve(8 * runPages, 'places of a run');
    this.sketches = kernels.reserve(sketchSlotCount * SKETCH_SLOT_BYTES, 'sketches');
    this.features = kernels.reserve(64, 'sketch');
    this.found = this.features + 16;
  }

  /**
   * Takes in a run of pages by their digests (16 bytes a page), those of a class (u16) other than 0 left out: for each, in order,
   * `wasSeen` then tells of the first page that had its digest; a page that is new stands for it from then on.
   */
  addRun(digests: number, classes: number, count: number, image: number, firstPage: number): void {
    this.kernels.run.indexAddPages(
      this.index,
      this.bucketCount,
      digests,
      classes,
      count,
      image,
      firstPage,
      this.places,
    );
  }

  /** Whether page `i` of the last run was seen before; `hit` tells where. */
  wasSeen(i: number): boolean {
    return this.take(this.places + 8 * i);
  }

  /** Whether a page with this digest was seen; `hit` tells where. */
  find(digest: number): boolean {
    this.kernels.run.indexFind(this.index, this.bucketCount, digest, this.found);
    return this.take(this.found);
  }

  /** Puts a page down, in place of another of its digest. */
  insert(digest: number, image: number, page: number): void {
    this.kernels.run.indexInsert(this.index, this.bucketCount, digest, image, page);
  }

  private take(place: number): boolean {
    const image = this.kernels.words[(place >>> 2) + 1]!;
    if (image === NO_PLACE) return false;
    this.hit.image = image;
    this.hit.page = this.kernels.words[place >>> 2]!;
    return true;
  }

  /** Fills `candidates` with pages that share a feature with this one; returns how many. Whole pages only. */
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

  /** Puts a page's sketch down; `sketched`: it is the page that `findSimilar` just looked at. */
  insertSketch(page: number, image: number, number: number, sketched = false): void {
    const { run } = this.kernels;
    if (!sketched) run.sketchPage(page, this.pageBytes, this.features);
    run.sketchInsert(this.sketches, this.sketchSlotCount, this.features, image, number);
  }
}
