import type { Kernels } from '../kernels/kernels.js';

const INDEX_SLOT_BYTES = 16;
const SKETCH_SLOT_BYTES = 12;
const MOST_CANDIDATES = 4;

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
  /** The last `find`'s result. */
  readonly hit: PageReference = { image: 0, page: 0 };
  /** The last `findSimilar`'s results. */
  readonly candidates: readonly PageReference[] = Array.from({ length: MOST_CANDIDATES }, () => ({ image: 0, page: 0 }));

  constructor(
    private readonly kernels: Kernels,
    private readonly pageBytes: number,
    private readonly slotCount: number,
    private readonly sketchSlotCount: number,
  ) {
    this.index = kernels.reserve(slotCount * INDEX_SLOT_BYTES, 'fingerprint index');
    this.sketches = kernels.reserve(sketchSlotCount * SKETCH_SLOT_BYTES, 'sketches');
    this.features = kernels.reserve(64, 'sketch');
    this.found = this.features + 16;
  }

  /** Whether a page with this digest was seen; `hit` tells where. */
  find(digest: number): boolean {
    const slot = this.kernels.run.indexFind(this.index, this.slotCount, digest);
    if (slot === 0) return false;
    this.hit.page = this.kernels.words[(slot >>> 2) + 2]!;
    this.hit.image = this.kernels.words[(slot >>> 2) + 3]! - 1;
    return true;
  }

  insert(digest: number, image: number, page: number): void {
    this.kernels.run.indexInsert(this.index, this.slotCount, digest, image, page);
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
