import { badArgument } from '../../page/error.js';
import type { PageBytes } from '../../stream/format.js';
import { type Guest, type GuestSpec, STATE_BYTES } from '../guest.js';
import { hashOf, Random } from '../random.js';
import { type Content, ContentMaker } from './content.js';
import { createWriter, type PageWriter, type WriterOptions } from './writer.js';

/** Parameters of a synthetic guest; all but name and bytes have defaults. Shares are fractions of 1. */
export interface SyntheticOptions extends WriterOptions {
  readonly name: string;
  /** Guest memory, in bytes; terabytes are possible. */
  readonly bytes: number;
  /** Whether a write changes a few words or the whole page. */
  readonly writeUnit: 'words' | 'page';
  /** Share of each kind of content. */
  readonly mix: Readonly<Partial<Record<Content, number>>>;
  /** Share of pages not allocated; they keep their old content. */
  readonly freeShare: number;
  /** Share of pages that hold blocks of a disk both hosts can read. */
  readonly cacheShare: number;
  /** Share of pages that are duplicates of another. */
  readonly duplicateShare: number;
  /** Share of pages changed since the guest left the destination host; absent: it was never there. */
  readonly changedSinceVisit?: number;
  /** Maximum number of simulated pages; of a larger guest they are a sample. */
  readonly samplePages: number;
}

const PAGE: PageBytes = 4096;
const MIN_PAGES = 64;
/** Consecutive pages of one kind: allocators hand out extents. */
const EXTENT_PAGES = 16;
/** Number of distinct duplicated pages. */
const ORIGINALS = 32;
const WHOLE_PAGES: ReadonlySet<Content> = new Set(['random']);

/** Defaults: a server with a small working set. */
export const SYNTHETIC_DEFAULTS: Omit<SyntheticOptions, 'name' | 'bytes'> = {
  writesPerSecond: 8000,
  readsPerWrite: 3,
  pattern: 'hot',
  hotShare: 0.05,
  hotWrites: 0.9,
  writeUnit: 'words',
  mix: { zero: 0.35, text: 0.2, pointers: 0.25, code: 0.12, random: 0.08 },
  freeShare: 0.15,
  cacheShare: 0.1,
  duplicateShare: 0.05,
  phases: [],
  samplePages: 65_536,
};

/**
 * Create a synthetic guest. A page's content follows from the seed, its number and its version, and is
 * generated when it is read. A guest with more pages than the sample is simulated by every n-th page.
 * @throws PageferryError `bad-argument` for parameters out of range
 */
export function syntheticGuest(
  given: Pick<SyntheticOptions, 'name' | 'bytes'> & Partial<SyntheticOptions>,
): GuestSpec {
  const options = { ...SYNTHETIC_DEFAULTS, ...given };
  const { name, bytes, writesPerSecond, readsPerWrite, mix, phases, samplePages } = options;
  const check = (isValid: boolean, problem: string) => {
    if (!isValid) throw badArgument(`${name}: ${problem}`);
  };
  check(bytes >= MIN_PAGES * PAGE, `${bytes} bytes, expected at least ${MIN_PAGES * PAGE}`);
  check(samplePages >= MIN_PAGES, `samplePages is ${samplePages}, expected at least ${MIN_PAGES}`);
  check(
    writesPerSecond >= 0 && readsPerWrite >= 0,
    `writesPerSecond ${writesPerSecond} and readsPerWrite ${readsPerWrite}, expected at least 0`,
  );
  check(
    Object.values(mix).some((share) => share > 0),
    'mix has no share above 0',
  );
  // With factors of 0 only, the time of the next write would never be found.
  check(
    phases.length === 0 || phases.some(({ ms, factor }) => ms > 0 && factor > 0),
    'phases have no factor above 0',
  );
  return { name, open: (seed) => new SyntheticGuest(options, Math.floor(bytes / PAGE), seed) };
}

class SyntheticGuest implements Guest {
  readonly name: string;
  readonly pageBytes = PAGE;
  readonly stateBytes = STATE_BYTES;
  readonly pages: number;
  readonly scale: number;
  private readonly versions: Uint32Array;
  private readonly allocated: Uint8Array;
  private readonly content: ContentMaker;
  private readonly writer: PageWriter;

  constructor(
    private readonly options: SyntheticOptions,
    totalPages: number,
    private readonly seed: number,
  ) {
    this.name = options.name;
    this.pages = Math.min(totalPages, options.samplePages);
    this.scale = totalPages / this.pages;
    this.versions = new Uint32Array(this.pages);
    this.allocated = new Uint8Array(this.pages);
    this.content = new ContentMaker(seed, PAGE);
    this.writer = createWriter(
      { ...options, writesPerSecond: options.writesPerSecond / this.scale },
      this.pages,
      new Random(seed),
    );
    const { changedSinceVisit = 0 } = options;
    for (let page = 0; page < this.pages; page++) {
      this.allocated[page] = this.chance(page, 1) < options.freeShare && !this.writer.isHot(page) ? 0 : 1;
      if (this.chance(page, 2) < changedSinceVisit) this.versions[page] = 1;
    }
  }

  run(toMs: number, access: (page: number, write: boolean) => boolean): number {
    return this.writer.run(toMs, (page, write) => {
      if (!access(page, write)) return false;
      if (write) {
        this.versions[page]!++;
        this.allocated[page] = 1;
      }
      return true;
    });
  }

  read(page: number, into: Uint8Array): void {
    this.fill(into, page, this.versions[page]!);
  }

  isAllocated(page: number): boolean {
    return this.allocated[page] === 1;
  }

  blockOf(page: number): number {
    return this.allocated[page] === 1 &&
      this.versions[page] === 0 &&
      this.chance(page, 3) < this.options.cacheShare
      ? page
      : -1;
  }

  readBlock(block: number, into: Uint8Array): void {
    this.fill(into, block, 0);
  }

  readKept(page: number, into: Uint8Array): boolean {
    if (this.options.changedSinceVisit === undefined) return false;
    this.fill(into, page, 0);
    return true;
  }

  close(): void {}

  private fill(into: Uint8Array, page: number, version: number): void {
    const extent = Math.floor(page / EXTENT_PAGES);
    const kind = this.kindOf(extent);
    if (this.options.writeUnit === 'page' && version > 0) {
      this.content.fill(into, WHOLE_PAGES.has(kind) ? kind : 'text', page + version * 7919, 0);
      return;
    }
    // Duplicates are numbered past the last page.
    const isDuplicate = this.chance(page, 4) < this.options.duplicateShare;
    this.content.fill(
      into,
      kind,
      page,
      version,
      isDuplicate ? this.pages + (hashOf(page, 5) % ORIGINALS) : page,
    );
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

  /** Return a fixed number in [0, 1) for the page or its extent. */
  private chance(page: number, topic: number): number {
    const of = topic === 4 ? page : Math.floor(page / EXTENT_PAGES) + 1e6;
    return hashOf(hashOf(this.seed, of), topic) / 2 ** 32;
  }
}
