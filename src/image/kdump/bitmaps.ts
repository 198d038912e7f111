import { PageferryError } from '../../page/error.js';
import { doubled } from '../doubled.js';
import { type FileBytes, readBytes } from '../file-bytes.js';
import { SpanTable } from '../span-table.js';
import type { KdumpHeader } from './header.js';

const STEP_BYTES = 1 << 20;
const MAX_RANGES = 1 << 20;
/** A count is kept for each group of pages. */
const GROUP_PAGES = 256;
const GROUP_BYTES = GROUP_PAGES / 8;

/** Consecutive pages of physical memory that exist, ascending, with their positions in the image. */
class PageRanges extends SpanTable {
  private pages = new Uint32Array(this.positions.length);

  add(page: number, bytes: number): void {
    const added = this.begin(this.bytes);
    this.pages[added] = page;
    this.bytes += bytes;
  }

  /** Number of the first page in physical memory. */
  page(i: number): number {
    return this.pages[i]!;
  }

  protected override growColumns(): void {
    this.pages = doubled(this.pages);
  }
}

/** Which pages a dump has, and which of them are in the file. */
export interface KdumpPageMap {
  /** The pages that exist, ascending. */
  readonly ranges: PageRanges;
  /** Pages that are in the file. */
  readonly storedPages: number;
  isStored(page: number): boolean;
  /** Number of a stored page among the stored ones: that of its descriptor. */
  indexOf(page: number): number;
}

/** Read both bitmaps. A page that is in the file exists. @throws PageferryError `bad-image`, `limit`, `io` */
export function readPageMap(file: FileBytes, header: KdumpHeader): KdumpPageMap {
  const { pages, bitmapBytes } = header;
  const stored = readBitmap(file, header.storedBitmapAt, bitmapBytes, pages);
  const counts = new Uint32Array(Math.ceil(bitmapBytes / GROUP_BYTES) + 1);
  for (let group = 0, from = 0; from < bitmapBytes; group++, from += GROUP_BYTES)
    counts[group + 1] = counts[group]! + countBits(stored, from, Math.min(from + GROUP_BYTES, bitmapBytes));
  const isStored = (page: number) => (stored[page >>> 3]! & (1 << (page & 7))) !== 0;
  return {
    ranges: readRanges(file, header, stored),
    storedPages: counts.at(-1)!,
    isStored,
    indexOf(page) {
      const group = Math.floor(page / GROUP_PAGES);
      const whole = countBits(stored, group * GROUP_BYTES, page >>> 3);
      return counts[group]! + whole + BITS[stored[page >>> 3]! & ((1 << (page & 7)) - 1)]!;
    },
  };
}

function readBitmap(file: FileBytes, at: number, bytes: number, pages: number): Uint8Array {
  const bitmap = readBytes(file, at, bytes, 'bitmap of the pages in the file');
  // Bits of pages that do not exist.
  if (pages % 8 !== 0) bitmap[bytes - 1]! &= (1 << (pages % 8)) - 1;
  return bitmap;
}

function readRanges(file: FileBytes, header: KdumpHeader, stored: Uint8Array): PageRanges {
  const { existingBitmapAt, bitmapBytes, pages, blockBytes } = header;
  const ranges = new PageRanges();
  let first = -1;
  const end = (page: number) => {
    if (first < 0) return;
    if (ranges.length === MAX_RANGES)
      throw new PageferryError('limit', `${file.path}: more than ${MAX_RANGES} ranges of physical memory`);
    ranges.add(first, (page - first) * blockBytes);
    first = -1;
  };
  for (let from = 0; from < bitmapBytes; from += STEP_BYTES) {
    const step = readBytes(
      file,
      existingBitmapAt + from,
      Math.min(STEP_BYTES, bitmapBytes - from),
      'bitmap of existing pages',
    );
    for (let i = 0; i < step.length; i++) {
      const byte = step[i]! | stored[from + i]!;
      const page = (from + i) * 8;
      if (byte === 0xff && first >= 0) continue;
      if (byte === 0) end(page);
      else
        for (let bit = 0; bit < 8; bit++) {
          const exists = (byte & (1 << bit)) !== 0 && page + bit < pages;
          if (!exists) end(page + bit);
          else if (first < 0) first = page + bit;
        }
    }
  }
  end(pages);
  return ranges;
}

const BITS = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0;
  for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1;
  return count;
});

function countBits(bitmap: Uint8Array, from: number, to: number): number {
  let count = 0;
  for (let i = from; i < to; i++) count += BITS[bitmap[i]!]!;
  return count;
}
