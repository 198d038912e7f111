import { PageferryError } from '../../page/error.js';

/** One page's last content: an entry is a number, so that a guest of 64 GiB needs 128 MiB and not an object a page. */
const NEVER = 0;
const FIRST_FILL = 1;
const FIRST_OFFSET = FIRST_FILL + 256;
const MAX_CHANGES = 1 << 23;
/** Every one costs a read, and a page is read in one go. QEMU sends a page again once a round. */
const MAX_CHANGES_OF_PAGE = 1 << 12;

/**
 * Where in a file the last content of every page is: 8 bytes a page, and 18 bytes a change (xbzrle), because a page that was sent as
 * changes needs all of them and what they change.
 */
export class QemuPageIndex {
  /** Pages that came whole. */
  whole = 0;
  private readonly entries: Float64Array;
  private changes = 0;
  private changeOffsets = new Float64Array(0);
  private changeLengths = new Uint16Array(0);
  /** The entry before each change, and how many changes that makes. */
  private before = new Float64Array(0);
  private depths = new Uint16Array(0);

  constructor(
    private readonly name: string,
    readonly pages: number,
  ) {
    this.entries = new Float64Array(pages);
  }

  setOffset(page: number, offset: number): void {
    this.whole++;
    this.entries[page] = FIRST_OFFSET + offset;
  }

  setFill(page: number, value: number): void {
    this.entries[page] = FIRST_FILL + value;
  }

  /** @throws PageferryError `limit` */
  addChange(page: number, offset: number, length: number): void {
    const entry = this.entries[page]!;
    const depth = entry < 0 ? this.depths[-entry - 1]! + 1 : 1;
    if (depth > MAX_CHANGES_OF_PAGE)
      throw new PageferryError(
        'limit',
        `${this.name}: page ${page}: more than ${MAX_CHANGES_OF_PAGE} xbzrle records`,
      );
    if (this.changes === this.changeOffsets.length) this.grow();
    const change = this.changes++;
    this.changeOffsets[change] = offset;
    this.changeLengths[change] = length;
    this.before[change] = entry;
    this.depths[change] = depth;
    this.entries[page] = -change - 1;
  }

  /** How many pages the file says nothing of. */
  unsent(): number {
    let count = 0;
    for (const entry of this.entries) if (entry === NEVER) count++;
    return count;
  }

  /** Where the page is whole in the file; undefined where it is not there, or has changes. */
  offsetOf(page: number): number | undefined {
    const entry = this.entries[page]!;
    return entry >= FIRST_OFFSET ? entry - FIRST_OFFSET : undefined;
  }

  /** What has to be done for a page's content: fill, or read from an offset; then apply the changes, in this order. */
  recipe(page: number): { fill: number; offset?: number; changes: { offset: number; length: number }[] } {
    const changes: { offset: number; length: number }[] = [];
    let entry = this.entries[page]!;
    while (entry < 0) {
      const change = -entry - 1;
      changes.push({ offset: this.changeOffsets[change]!, length: this.changeLengths[change]! });
      entry = this.before[change]!;
    }
    changes.reverse();
    if (entry >= FIRST_OFFSET) return { fill: 0, offset: entry - FIRST_OFFSET, changes };
    return { fill: entry === NEVER ? 0 : entry - FIRST_FILL, changes };
  }

  private grow(): void {
    if (this.changes === MAX_CHANGES)
      throw new PageferryError('limit', `${this.name}: more than ${MAX_CHANGES} xbzrle records`);
    const room = Math.max(1024, 2 * this.changes);
    this.changeOffsets = copied(this.changeOffsets, new Float64Array(room));
    this.changeLengths = copied(this.changeLengths, new Uint16Array(room));
    this.before = copied(this.before, new Float64Array(room));
    this.depths = copied(this.depths, new Uint16Array(room));
  }
}

function copied<T extends Float64Array | Uint16Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
