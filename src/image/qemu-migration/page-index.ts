import { PageferryError } from '../../page/error.js';

// An entry is one number, so that the index of a 64 GiB guest takes 128 MiB and no objects.
const NEVER_SENT = 0;
const FIRST_FILL = 1;
const FIRST_OFFSET = FIRST_FILL + 256;
const MAX_CHANGES = 1 << 23;
/** Each change costs a read, and a page is read at once. QEMU sends a page again at most once per round. */
const MAX_CHANGES_PER_PAGE = 1 << 12;

/** How to read a page: fill it or read it at `offset`, then apply the changes in order. */
interface PageRecipe {
  readonly fill: number;
  readonly offset?: number;
  readonly changes: readonly { readonly offset: number; readonly length: number }[];
}

/**
 * Index of where the last content of every page is in a file: 8 bytes per page, and 18 bytes per XBZRLE
 * record, because a page that was sent as changes needs all of them and the content before them.
 */
export class QemuPageIndex {
  /** Pages that were sent in full. */
  fullPages = 0;
  private readonly entries: Float64Array;
  private changes = 0;
  private changeOffsets = new Float64Array(0);
  private changeLengths = new Uint16Array(0);
  /** The entry before each change, and the number of changes up to it. */
  private previous = new Float64Array(0);
  private depths = new Uint16Array(0);

  constructor(
    private readonly name: string,
    readonly pages: number,
  ) {
    this.entries = new Float64Array(pages);
  }

  /** Record a PAGE record, whose content is at `offset` in the file. */
  setOffset(page: number, offset: number): void {
    this.fullPages++;
    this.entries[page] = FIRST_OFFSET + offset;
  }

  /** Record a ZERO record. */
  setFill(page: number, value: number): void {
    this.entries[page] = FIRST_FILL + value;
  }

  /** Record an XBZRLE record. @throws PageferryError `limit` */
  addChange(page: number, offset: number, length: number): void {
    const entry = this.entries[page]!;
    const depth = entry < 0 ? this.depths[-entry - 1]! + 1 : 1;
    if (depth > MAX_CHANGES_PER_PAGE)
      throw new PageferryError(
        'limit',
        `${this.name}: page ${page}: more than ${MAX_CHANGES_PER_PAGE} XBZRLE records`,
      );
    if (this.changes === this.changeOffsets.length) this.grow();
    const change = this.changes++;
    this.changeOffsets[change] = offset;
    this.changeLengths[change] = length;
    this.previous[change] = entry;
    this.depths[change] = depth;
    this.entries[page] = -change - 1;
  }

  /** Count the pages without any record. */
  countUnsent(): number {
    let count = 0;
    for (const entry of this.entries) if (entry === NEVER_SENT) count++;
    return count;
  }

  /** Offset in the file of a page that is stored in full and has no changes. */
  offsetOf(page: number): number | undefined {
    const entry = this.entries[page]!;
    return entry >= FIRST_OFFSET ? entry - FIRST_OFFSET : undefined;
  }

  /** Whether a page is known to be zero: filled with 0, or never sent. */
  isZero(page: number): boolean {
    const entry = this.entries[page]!;
    return entry === NEVER_SENT || entry === FIRST_FILL;
  }

  /**
   * Whether every page is zero or stored in full: none has changes, or is filled with another byte.
   */
  isPlain(): boolean {
    return this.entries.every(
      (entry) => entry >= FIRST_OFFSET || entry === NEVER_SENT || entry === FIRST_FILL,
    );
  }

  recipe(page: number): PageRecipe {
    const changes: { offset: number; length: number }[] = [];
    let entry = this.entries[page]!;
    while (entry < 0) {
      const change = -entry - 1;
      changes.push({ offset: this.changeOffsets[change]!, length: this.changeLengths[change]! });
      entry = this.previous[change]!;
    }
    changes.reverse();
    if (entry >= FIRST_OFFSET) return { fill: 0, offset: entry - FIRST_OFFSET, changes };
    return { fill: entry === NEVER_SENT ? 0 : entry - FIRST_FILL, changes };
  }

  private grow(): void {
    if (this.changes === MAX_CHANGES)
      throw new PageferryError('limit', `${this.name}: more than ${MAX_CHANGES} XBZRLE records`);
    const capacity = Math.max(1024, 2 * this.changes);
    this.changeOffsets = copied(this.changeOffsets, new Float64Array(capacity));
    this.changeLengths = copied(this.changeLengths, new Uint16Array(capacity));
    this.previous = copied(this.previous, new Float64Array(capacity));
    this.depths = copied(this.depths, new Uint16Array(capacity));
  }
}

function copied<T extends Float64Array | Uint16Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
