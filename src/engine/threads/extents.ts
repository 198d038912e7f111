import type { TableEntry } from '../../stream/table.js';

/**
 * Numbers (f64) of an extent: consecutive pages of one codec and segment.
 * - Zero pages take no space in the chunk.
 * - Decoded pages are in the chunk: CODED is 0. Or, for a run of raw pages: they stay at CODED, in their
 *   segment.
 * - References: the chunk has space for the pages. IMAGE and PAGE name the target of the first one; the
 *   targets of the others follow it. For *unchanged* the target is the parent's page at the same position.
 * - A delta is a reference of one page with coded bytes at CODED.
 */
export const EXTENT = {
  CODEC: 0,
  PAGES: 1,
  SEGMENT: 2,
  IMAGE: 3,
  PAGE: 4,
  CODED: 5,
  CODED_BYTES: 6,
  NUMBERS: 8,
} as const;

/** A list of extents in shared memory: a decoding job writes it, the calling thread reads it. */
export class Extents {
  /** Number of extents that this object has added. */
  count = 0;
  private readonly numbers: Float64Array;

  constructor(buffer: ArrayBufferLike, address: number, maxCount: number) {
    this.numbers = new Float64Array(buffer, address, maxCount * EXTENT.NUMBERS);
  }

  get isFull(): boolean {
    return this.count * EXTENT.NUMBERS >= this.numbers.length;
  }

  /** Return number `number` (one of EXTENT) of extent `index`. */
  get(index: number, number: number): number {
    return this.numbers[index * EXTENT.NUMBERS + number]!;
  }

  /** Add pages to the last extent if codec and segment are the same, else start an extent. */
  add(entry: TableEntry, pages: number): void {
    const last = (this.count - 1) * EXTENT.NUMBERS;
    const { numbers } = this;
    const isSame =
      numbers[last + EXTENT.CODEC] === entry.codec.wireId &&
      numbers[last + EXTENT.SEGMENT] === entry.segment &&
      numbers[last + EXTENT.CODED] === 0;
    if (this.count > 0 && isSame) numbers[last + EXTENT.PAGES]! += pages;
    else this.start(entry, pages);
  }

  /** Add a page that equals another one: to the last extent if that continues it. */
  addReference(entry: TableEntry): void {
    const last = (this.count - 1) * EXTENT.NUMBERS;
    const { numbers } = this;
    const follows =
      numbers[last + EXTENT.IMAGE] === entry.image &&
      numbers[last + EXTENT.PAGE]! + numbers[last + EXTENT.PAGES]! === entry.page;
    if (follows) this.add(entry, 1);
    else this.start(entry, 1);
  }

  /** Add a page that is a delta of `codedBytes` bytes at `coded` against another one. */
  addDelta(entry: TableEntry, coded: number, codedBytes: number): void {
    this.start(entry, 1, coded);
    this.numbers[(this.count - 1) * EXTENT.NUMBERS + EXTENT.CODED_BYTES] = codedBytes;
  }

  /** Start an extent. `coded`: address of a run of raw pages, which stays in its segment, or of a delta. */
  start({ codec, segment, image, page }: TableEntry, pages: number, coded = 0): void {
    const at = this.count++ * EXTENT.NUMBERS;
    const { numbers } = this;
    numbers[at + EXTENT.CODEC] = codec.wireId;
    numbers[at + EXTENT.PAGES] = pages;
    numbers[at + EXTENT.SEGMENT] = segment;
    numbers[at + EXTENT.IMAGE] = image;
    numbers[at + EXTENT.PAGE] = page;
    numbers[at + EXTENT.CODED] = coded;
  }
}
