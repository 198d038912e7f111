// Which bytes of a core are the image. Kernel cores and dumps with paging map the same physical memory
// several times; each address is part of the image once.
import type { PageferryError } from '../../page/error.js';
import type { Addressing } from '../container/description.js';
import { RangeTable } from '../container/range-table.js';
import { ExtentTable } from '../extent-table.js';
import { StoredRanges } from '../stored-ranges.js';
import type { ElfClass } from './layout.js';
import type { LoadTable } from './load-table.js';
import { addressOf, bad, hex, unknownAddress } from './program-headers.js';

/** The image of a core. */
export interface MemoryMap {
  /** Guest-physical or virtual addresses: see `addressing`. */
  readonly ranges: RangeTable;
  readonly extents: ExtentTable;
}

/**
 * Lay out the memory of the segments. Physical addresses that several segments have are taken once, from the
 * segment with the lowest address, then the most bytes; segments without a physical address are not part of
 * the image. @throws PageferryError `bad-image` for virtual addresses that overlap, or bytes of the file that
 * are at two addresses
 */
export function mapMemory(
  path: string,
  loads: LoadTable,
  elfClass: ElfClass,
  addressing: Addressing,
  layout: 'physical' | 'file-order',
): MemoryMap {
  const pieces = piecesOf(path, loads, elfClass, addressing);
  const sorted = pieces.inOrder(pieces.orderByAddress({ largestFirst: true }));
  let overlap = 0;
  for (let i = 1; i < sorted.length && overlap === 0; i++)
    if (sorted.end(i - 1) > sorted.address(i)) overlap = i;
  if (overlap > 0 && addressing === 'virtual') {
    const where = `at virtual address ${hex(sorted.address(overlap))}`;
    throw bad(path, `segments ${sorted.number(overlap - 1)} and ${sorted.number(overlap)} overlap ${where}`);
  }
  const disjoint = overlap > 0 ? withoutOverlaps(sorted) : layout === 'file-order' ? pieces : sorted;
  checkFileBytes(path, disjoint);
  return layOut(path, disjoint);
}

/** The bytes of each segment that are in the file, and those that are not; `number` is its program header. */
function piecesOf(path: string, loads: LoadTable, elfClass: ElfClass, addressing: Addressing): StoredRanges {
  const unknown = unknownAddress(elfClass);
  const pieces = new StoredRanges(loads.length);
  for (const load of loads) {
    const { offset, filesz, memsz, index } = load;
    const start = addressOf(load, addressing);
    if (addressing === 'physical' && start === unknown) continue;
    const bytes = Number(memsz);
    if (!Number.isSafeInteger(bytes)) throw tooLarge(path, index, bytes);
    if (filesz > 0n) pieces.add(start, Number(filesz), Number(offset), index);
    if (memsz > filesz) pieces.add(start + filesz, Number(memsz - filesz), undefined, index);
  }
  return pieces;
}

/** Bytes in the file come first; memory that is not in the file fills only what is between them. */
function withoutOverlaps(sorted: StoredRanges): StoredRanges {
  const stored = clipped(sorted, true);
  const zeros = clipped(sorted, false);
  const all = new StoredRanges();
  for (let i = 0; i < stored.length; i++) all.addFrom(stored, i);
  let next = 0;
  for (let zero = 0; zero < zeros.length; zero++) {
    const zeroEnd = zeros.end(zero);
    let start = zeros.address(zero);
    while (next < stored.length && stored.end(next) <= start) next++;
    for (let i = next; start < zeroEnd; i++) {
      const isBetween = i < stored.length && stored.address(i) < zeroEnd;
      const end = isBetween ? stored.address(i) : zeroEnd;
      if (end > start) all.add(start, Number(end - start), undefined, zeros.number(zero));
      start = end === zeroEnd ? end : stored.end(i);
    }
  }
  all.sortByAddress(); // disjoint
  return all;
}

/** The pieces in the file, or the others, each without the addresses that those before it have. */
function clipped(sorted: StoredRanges, isStored: boolean): StoredRanges {
  const disjoint = new StoredRanges();
  let end = 0n;
  for (let i = 0; i < sorted.length; i++) {
    if (sorted.isStored(i) !== isStored) continue;
    const start = sorted.address(i);
    const skipped = end > start ? Number(end - start) : 0;
    if (skipped >= sorted.bytes(i)) continue;
    disjoint.addFrom(sorted, i, skipped);
    end = sorted.end(i);
  }
  return disjoint;
}

/** Otherwise a small file could claim a huge image: the same bytes many times. */
function checkFileBytes(path: string, pieces: StoredRanges): void {
  const order = pieces.orderByOffset();
  const at = (i: number) => (order ? order[i]! : i);
  for (let i = 1; i < pieces.length; i++) {
    const [before, next] = [at(i - 1), at(i)];
    if (!pieces.isStored(before) || pieces.offset(before) + pieces.bytes(before) <= pieces.offset(next))
      continue;
    const where = `in the file at 0x${pieces.offset(next).toString(16)}`;
    throw bad(path, `segments ${pieces.number(before)} and ${pieces.number(next)} overlap ${where}`);
  }
}

function layOut(path: string, pieces: StoredRanges): MemoryMap {
  const ranges = new RangeTable(pieces.length);
  const extents = new ExtentTable(pieces.length);
  for (let i = 0; i < pieces.length; i++) {
    const bytes = pieces.bytes(i);
    if (!Number.isSafeInteger(extents.bytes + bytes))
      throw tooLarge(path, pieces.number(i), extents.bytes + bytes);
    const isRest =
      i > 0 && pieces.number(i - 1) === pieces.number(i) && pieces.end(i - 1) === pieces.address(i);
    if (isRest) ranges.extendLast(bytes);
    else ranges.add(pieces.address(i), bytes);
    extents.add(bytes, pieces.isStored(i) ? pieces.offset(i) : undefined);
  }
  return { ranges, extents };
}

function tooLarge(path: string, index: number, bytes: number): PageferryError {
  return bad(path, `segment ${index}: the image would have ${bytes} bytes`);
}
