import { PageferryError } from '../../../page/error.js';
import type { MemoryRanges } from '../../container/range-table.js';
import { doubled } from '../../doubled.js';
import { SpanTable } from '../../span-table.js';
import { MAX_PAGES } from '../header.js';

const DEFAULT_PAGE_BYTES = 4096;
const MAX_PAGE_BYTES = 65536;

/** Addresses, which are below 2^46, with their places in the image and their pages. */
class PlacedPages extends SpanTable {
  private addresses = new Float64Array(this.positions.length);
  private firstIndexes = new Uint32Array(this.positions.length);

  add(address: number, bytes: number, firstIndex: number): void {
    const added = this.begin(this.bytes);
    this.addresses[added] = address;
    this.firstIndexes[added] = firstIndex;
    this.bytes += bytes;
  }

  address(i: number): number {
    return this.addresses[i]!;
  }

  /** Address after range `i`. */
  endAddress(i: number): number {
    return this.addresses[i]! + this.end(i) - this.position(i);
  }

  /** Number of pages with lower addresses that exist: the index of the first page's descriptor. */
  firstIndex(i: number): number {
    return this.firstIndexes[i]!;
  }

  protected override growColumns(): void {
    this.addresses = doubled(this.addresses);
    this.firstIndexes = doubled(this.firstIndexes);
  }
}

/** The memory of a dump, divided into pages. */
export interface PageRanges {
  readonly blockBytes: number;
  readonly ranges: PlacedPages;
  /** Number of pages that exist. */
  readonly count: number;
  /** Number of the last page and one. */
  readonly pages: number;
}

/**
 * Divide ranges of physical addresses into pages: of the kernel's page size if all ranges consist of such
 * pages, else of 4 KiB. Two ranges can have parts of the same page.
 * @throws PageferryError `unsupported` for ranges that do not ascend, `limit` for addresses that are too high
 */
export function placePages(name: string, ranges: MemoryRanges, kernelPageBytes: number): PageRanges {
  const blockBytes = blockBytesOf(ranges, kernelPageBytes);
  const placed = new PlacedPages(ranges.length);
  let end = 0n;
  let count = 0;
  let pages = 0;
  for (const { address, bytes } of ranges) {
    const where = `memory at 0x${address.toString(16)}`;
    if (address < end)
      throw new PageferryError(
        'unsupported',
        `${name}: ${where} is after memory at higher addresses, but a kdump is in ascending order; write it with --as elf`,
      );
    end = address + BigInt(bytes);
    if (end > BigInt(MAX_PAGES) * BigInt(blockBytes))
      throw new PageferryError(
        'limit',
        `${name}: ${where}; a kdump has at most ${MAX_PAGES} pages of addresses`,
      );
    const firstPage = Math.floor(Number(address) / blockBytes);
    const firstIndex = firstPage < pages ? count - 1 : count;
    pages = Math.ceil(Number(end) / blockBytes);
    count = firstIndex + pages - firstPage;
    placed.add(Number(address), bytes, firstIndex);
  }
  if (placed.bytes === 0) throw new PageferryError('unsupported', `${name}: has no memory`);
  return { blockBytes, ranges: placed, count, pages };
}

function blockBytesOf(ranges: MemoryRanges, stated: number): number {
  const isPageSize = stated > DEFAULT_PAGE_BYTES && stated <= MAX_PAGE_BYTES && (stated & (stated - 1)) === 0;
  if (!isPageSize) return DEFAULT_PAGE_BYTES;
  const size = BigInt(stated);
  for (const { address, bytes } of ranges)
    if (address % size !== 0n || bytes % stated !== 0) return DEFAULT_PAGE_BYTES;
  return stated;
}
