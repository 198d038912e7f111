import { PageferryError } from '../../../page/error.js';
import type { MemoryRanges } from '../../container/range-table.js';
import { MAX_PAGES } from '../header.js';

const DEFAULT_PAGE_BYTES = 4096;
const MAX_PAGE_BYTES = 65536;

/** Addresses, which are below 2^46, with their place in the image and their pages. */
interface PlacedPages {
  readonly position: number;
  readonly address: number;
  readonly bytes: number;
  readonly firstPage: number;
  readonly endPage: number;
  /** Number of pages with lower addresses that exist: the index of the first page's descriptor. */
  readonly firstIndex: number;
}

/** The memory of a dump, divided into pages. */
export interface PageRanges {
  readonly blockBytes: number;
  readonly ranges: readonly PlacedPages[];
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
  const placed: PlacedPages[] = [];
  let position = 0;
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
    placed.push({ position, address: Number(address), bytes, firstPage, endPage: pages, firstIndex });
    position += bytes;
  }
  if (position === 0) throw new PageferryError('unsupported', `${name}: has no memory`);
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
