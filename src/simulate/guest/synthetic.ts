import { PageferryError } from '../../page/error.js';
import type { PageBytes } from '../../stream/format.js';
import { type Guest, type GuestSpec, STATE_BYTES } from '../guest.js';
import { hashOf, Random } from '../random.js';
import { type Content, ContentMaker } from './content.js';
import { createWriter, type PageWriter, type WriterOptions } from './writer.js';

/** A guest by parameters, all but name and size with a default. Shares are of 1. */
export interface SyntheticOptions extends WriterOptions {
  readonly name: string;
  /** Memory of the guest, in bytes; terabytes are fine. */
  readonly bytes: number;
  /** Whether a write changes a few words of its page or all of it. */
  readonly writes: 'words' | 'page';
  /** What the memory holds. */
  readonly mix: Readonly<Partial<Record<Content, number>>>;
  /** Pages that the allocator has not given out; they hold what was there before. */
  readonly freeShare: number;
  /** Pages that mirror blocks of a disk that both hosts can read. */
  readonly cacheShare: number;
  /** Pages that are the same as another. */
  readonly duplicateShare: number;
  /** Share of the pages that changed since the guest left the other host; absent: it never was there. */
  readonly changedSinceVisit?: number;
  /** Pages that are held at most: of a larger guest, this many stand for all. */
  readonly samplePages: number;
}

const PAGE: PageBytes = 4096;
const MIN_PAGES = 64;
/** Memory is given out in stretches: so many pages in a row are of one kind. */
const EXTENT_PAGES = 16;
/** Duplicates are of so many pages. */
const ORIGINALS = 32;
const WHOLE_PAGES: ReadonlySet<Content> = new Set(['random']);

/** A server that is busy with a part of its memory. */
export const SYNTHETIC_DEFAULTS: Omit<SyntheticOptions, 'name' | 'bytes'> = {
  writesPerSecond: 8000,
  readsPerWrite: 3,
  pattern: 'hot',
  hotShare: 0.05,
  hotWrites: 0.9,
  writes: 'words',
  mix: { zero: 0.35, text: 0.2, pointers: 0.25, code: 0.12, random: 0.08 },
  freeShare: 0.15,
  cacheShare: 0.1,
  duplicateShare: 0.05,
  phases: [],
  samplePages: 65_536,
};

/**
 * A guest that never exists as a whole: what a page holds follows from the seed, its number and how often it was written, and is made
 * when it is read. A guest of more pages than the sample is played by every n-th of them, each standing for n.
 */
export function syntheticGuest(
  given: Pick<SyntheticOptions, 'name' | 'bytes'> & Partial<SyntheticOptions>,
): GuestSpec {
  const options = { ...SYNTHETIC_DEFAULTS, ...given };
  const { name, bytes, writesPerSecond, readsPerWrite, mix, phases, samplePages } = options;
  const must = (right: boolean, what: string) => {
    if (!right) throw new PageferryError('bad-argument', `${name}: ${what}`);
  };
  must(bytes >= MIN_PAGES * PAGE, `${bytes} bytes, expected at least ${MIN_PAGES * PAGE}`);
  must(samplePages >= MIN_PAGES, `a sample of ${samplePages} pages, expected at least ${MIN_PAGES}`);
  must(
    writesPerSecond >= 0 && readsPerWrite >= 0,
    `${writesPerSecond} writes a second and ${readsPerWrite} reads for each`,
  );
  must(
    Object.values(mix).some((share) => share > 0),
    'a mix of nothing',
  );
  // It would wait for its next write for good.
  must(
    phases.length === 0 || phases.some(({ ms, factor }) => ms > 0 && factor > 0),
    'phases without a write',
  );
  return { name, open: (seed) => new SyntheticGuest(options, Math.floor(bytes / PAGE), seed) };
}

class SyntheticGuest implements Guest {
  readonly name: string;
  readonly pageBytes = PAGE;
  readonly stateBytes = STATE_BYTES;
  readonly pages: number;
  readonly pagesEach: number;
  private readonly versions: Uint32Array;
  private readonly taken: Uint8Array;
  private readonly content: ContentMaker;
  private readonly writer: PageWriter;

  constructor(
    private readonly options: SyntheticOptions,
    totalPages: number,
    private readonly seed: number,
  ) {
    this.name = options.name;
    this.pages = Math.min(totalPages, options.samplePages);
    this.pagesEach = totalPages / this.pages;
    this.versions = new Uint32Array(this.pages);
    this.taken = new Uint8Array(this.pages);
    this.content = new ContentMaker(seed, PAGE);
    this.writer = createWriter(
      { ...options, writesPerSecond: options.writesPerSecond / this.pagesEach },
      this.pages,
      new Random(seed),
    );
    const { changedSinceVisit = 0 } = options;
    for (let page = 0; page < this.pages; page++) {
      this.taken[page] = this.chance(page, 1) < options.freeShare && !this.writer.isHot(page) ? 0 : 1;
      if (this.chance(page, 2) < changedSinceVisit) this.versions[page] = 1;
    }
  }

  run(toMs: number, access: (page: number, write: boolean) => boolean): number {
    return this.writer.run(toMs, (page, write) => {
      if (!access(page, write)) return false;
      if (write) {
        this.versions[page]!++;
        this.taken[page] = 1;
      }
      return true;
    });
  }

  read(page: number, into: Uint8Array): void {
    this.fill(into, page, this.versions[page]!);
  }

  isAllocated(page: number): boolean {
    return this.taken[page] === 1;
  }

  blockOf(page: number): number {
    return this.taken[page] === 1 &&
      this.versions[page] === 0 &&
      this.chance(page, 3) < this.options.cacheShare
      ? page
      : -1;
  }

  readBlock(block: number, into: Uint8Array): void {
    this.fill(into, block, 0);
  }

  kept(page: number, into: Uint8Array): boolean {
    if (this.options.changedSinceVisit === undefined) return false;
    this.fill(into, page, 0);
    return true;
  }

  close(): void {}

  private fill(into: Uint8Array, page: number, version: number): void {
    const extent = Math.floor(page / EXTENT_PAGES);
    const kind = this.kindOf(extent);
    if (this.options.writes === 'page' && version > 0) {
      this.content.fill(into, WHOLE_PAGES.has(kind) ? kind : 'text', page + version * 7919, 0);
      return;
    }
    // Duplicates of a kind are the pages past the end.
    const twin = this.chance(page, 4) < this.options.duplicateShare;
    this.content.fill(into, kind, page, version, twin ? this.pages + (hashOf(page, 5) % ORIGINALS) : page);
  }

  private kindOf(extent: number): Content {
    let rest = hashOf(hashOf(this.seed, extent), 11) / 2 ** 32;
    const { mix } = this.options;
    const sum = Object.values(mix).reduce((all, share) => all + share, 0);
    for (const [kind, share] of Object.entries(mix)) {
      rest -= share / sum;
      if (rest < 0) return kind as Content;
    }
    return 'zero';
  }

  /** A number from 0 to 1 that is the page's, or its extent's, for good. */
  private chance(page: number, what: number): number {
    const of = what === 4 ? page : Math.floor(page / EXTENT_PAGES) + 1e6;
    return hashOf(hashOf(this.seed, of), what) / 2 ** 32;
  }
}
