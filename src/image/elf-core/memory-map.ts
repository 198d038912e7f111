// Which bytes of a core are the image. Kernel cores and dumps with paging map the same physical memory
// several times; each address is part of the image once.
import type { Addressing } from '../container/description.js';
import type { Extent } from '../extent-table.js';
import type { ElfClass } from './layout.js';
import { addressOf, ascending, bad, hex, type Load, unknownAddress } from './program-headers.js';

/** Consecutive addresses of the image. */
export interface ElfSegment {
  /** Guest-physical or virtual address: see `addressing`. */
  readonly address: bigint;
  readonly bytes: number;
  /** Position in the image. */
  readonly offset: number;
}

/** The image of a core. */
export interface MemoryMap {
  readonly segments: readonly ElfSegment[];
  readonly extents: readonly Extent[];
}

/** Consecutive addresses that are in the file from `offset` on, or not in the file. */
interface Piece {
  readonly start: bigint;
  readonly bytes: bigint;
  readonly offset: bigint | undefined;
  /** Number of the program header. */
  readonly index: number;
}

/**
 * Lay out the memory of the segments. Physical addresses that several segments have are taken once, from the
 * segment with the lowest address, then the most bytes; segments without a physical address are not part of
 * the image. @throws PageferryError `bad-image` for virtual addresses that overlap, or bytes of the file that
 * are at two addresses
 */
export function mapMemory(
  path: string,
  loads: readonly Load[],
  elfClass: ElfClass,
  addressing: Addressing,
  layout: 'physical' | 'file-order',
): MemoryMap {
  const unknown = unknownAddress(elfClass);
  const known = addressing === 'virtual' ? loads : loads.filter(({ paddr }) => paddr !== unknown);
  const pieces = known.flatMap((load) => piecesOf(load, addressOf(load, addressing)));
  const sorted = [...pieces].sort(byStart);
  const overlap = sorted.findIndex((piece, i) => i > 0 && endOf(sorted[i - 1]!) > piece.start);
  if (overlap > 0 && addressing === 'virtual') {
    const [before, after] = [sorted[overlap - 1]!, sorted[overlap]!];
    const where = `at virtual address ${hex(after.start)}`;
    throw bad(path, `segments ${before.index} and ${after.index} overlap ${where}`);
  }
  const disjoint = overlap > 0 ? withoutOverlaps(sorted) : layout === 'file-order' ? pieces : sorted;
  checkFileBytes(path, disjoint);
  return layOut(path, disjoint);
}

function piecesOf({ offset, filesz, memsz, index }: Load, start: bigint): Piece[] {
  const stored = { start, bytes: filesz, offset, index };
  const zero = { start: start + filesz, bytes: memsz - filesz, offset: undefined, index };
  return [stored, zero].filter(({ bytes }) => bytes > 0n);
}

/** By address; of two with the same address the larger one is first. */
function byStart(a: Piece, b: Piece): number {
  return ascending(a.start, b.start) || ascending(b.bytes, a.bytes);
}

function endOf({ start, bytes }: Piece): bigint {
  return start + bytes;
}

/** Bytes in the file come first; memory that is not in the file fills only what is between them. */
function withoutOverlaps(sorted: readonly Piece[]): Piece[] {
  const stored = clipped(sorted.filter(({ offset }) => offset !== undefined));
  const zeros = clipped(sorted.filter(({ offset }) => offset === undefined));
  const all = [...stored];
  let next = 0;
  for (const zero of zeros) {
    let start = zero.start;
    while (next < stored.length && endOf(stored[next]!) <= start) next++;
    for (let i = next; start < endOf(zero); i++) {
      const end = i < stored.length && stored[i]!.start < endOf(zero) ? stored[i]!.start : endOf(zero);
      if (end > start) all.push({ ...zero, start, bytes: end - start });
      start = end === endOf(zero) ? end : endOf(stored[i]!);
    }
  }
  return all.sort(byStart);
}

/** Remove from each piece the addresses that pieces before it have. */
function clipped(sorted: readonly Piece[]): Piece[] {
  const disjoint: Piece[] = [];
  let end = 0n;
  for (const piece of sorted) {
    const skipped = end > piece.start ? end - piece.start : 0n;
    if (skipped >= piece.bytes) continue;
    const offset = piece.offset === undefined ? undefined : piece.offset + skipped;
    disjoint.push({ ...piece, start: piece.start + skipped, bytes: piece.bytes - skipped, offset });
    end = endOf(piece);
  }
  return disjoint;
}

/** Otherwise a small file could claim a huge image: the same bytes many times. */
function checkFileBytes(path: string, pieces: readonly Piece[]): void {
  const stored = pieces.filter(({ offset }) => offset !== undefined);
  stored.sort((a, b) => ascending(a.offset!, b.offset!));
  for (let i = 1; i < stored.length; i++) {
    const [before, after] = [stored[i - 1]!, stored[i]!];
    if (before.offset! + before.bytes > after.offset!)
      throw bad(
        path,
        `segments ${before.index} and ${after.index} overlap in the file at ${hex(after.offset!)}`,
      );
  }
}

function layOut(path: string, pieces: readonly Piece[]): MemoryMap {
  const segments: ElfSegment[] = [];
  const extents: Extent[] = [];
  let position = 0;
  let previous: Piece | undefined;
  for (const piece of pieces) {
    const bytes = Number(piece.bytes);
    if (!Number.isSafeInteger(position + bytes))
      throw bad(path, `segment ${piece.index}: the image would have ${position + bytes} bytes`);
    const isRest = previous?.index === piece.index && endOf(previous) === piece.start;
    const last = segments.at(-1);
    if (isRest && last) segments[segments.length - 1] = { ...last, bytes: last.bytes + bytes };
    else segments.push({ address: piece.start, bytes, offset: position });
    addExtent(extents, {
      position,
      bytes,
      ...(piece.offset !== undefined && { offset: Number(piece.offset) }),
    });
    position += bytes;
    previous = piece;
  }
  return { segments, extents };
}

/** Extents that follow each other in the image and in the file are joined, to be read by one call. */
function addExtent(extents: Extent[], extent: Extent): void {
  const last = extents.at(-1);
  const isNext =
    last &&
    (last.offset === undefined ? extent.offset === undefined : extent.offset === last.offset + last.bytes);
  if (isNext) extents[extents.length - 1] = { ...last, bytes: last.bytes + extent.bytes };
  else extents.push(extent);
}
