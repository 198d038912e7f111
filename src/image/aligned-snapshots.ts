// Images of one guest or process at several times, as images of equal size: each address of any of them has
// the same position in all. Memory comes and goes: a process maps and unmaps it, guests get more.

import { lastAtOrBelow } from '../page/search.js';
import type { PageSource } from '../page/source.js';
import { ExtentTable } from './extent-table.js';
import type { FileSource } from './image-file.js';
import { readInOrder } from './read-in-order.js';

/** Addresses are compared as numbers, which hold multiples of this exactly. */
const PAGE_BYTES = 4096;

/** Ranges of one image, sorted by space and address, with their positions. */
interface Placed {
  readonly space: string;
  readonly start: number;
  readonly end: number;
  readonly position: number;
}

/**
 * Return the images with equal addresses at equal positions; what an image does not have is zero in it. The
 * images are returned unchanged if all have the same addresses, or one of them has none. They stay owned by
 * the caller.
 */
export function alignSnapshots(images: readonly FileSource[]): readonly PageSource[] {
  const placed: Placed[][] = [];
  for (const image of images) {
    const ranges = placeRanges(image);
    if (!ranges) return images;
    placed.push(ranges);
  }
  const [first, ...others] = placed;
  if (!first || others.every((ranges) => haveSameAddresses(first, ranges))) return images;
  const spaces = unionOf(placed);
  return images.map((image, i) => alignedSource(image, extentsOf(placed[i]!, spaces)));
}

/** Undefined for an image without addresses, or whose ranges are not whole pages. */
function placeRanges({ addressed, bytes }: FileSource): Placed[] | undefined {
  const placed: Placed[] = [];
  let position = 0;
  for (const { space, address, bytes: size } of addressed?.() ?? []) {
    const start = Number(address);
    if (start % PAGE_BYTES !== 0 || size % PAGE_BYTES !== 0 || BigInt(start) !== address) return undefined;
    placed.push({ space, start, end: start + size, position });
    position += size;
  }
  if (placed.length === 0 || position !== bytes) return undefined;
  placed.sort((a, b) => (a.space === b.space ? a.start - b.start : a.space < b.space ? -1 : 1));
  const overlaps = placed.some(({ space, start }, i) => {
    const before = placed[i - 1];
    return before?.space === space && before.end > start;
  });
  return overlaps ? undefined : placed;
}

function haveSameAddresses(a: readonly Placed[], b: readonly Placed[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ space, start, end, position }, i) => {
      const other = b[i]!;
      return (
        space === other.space && start === other.start && end === other.end && position === other.position
      );
    })
  );
}

/** Addresses of one space that at least one image has, ascending. */
class Union {
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  /** Position of each range. */
  readonly positions: number[] = [];

  add(start: number, end: number): void {
    const last = this.ends.length - 1;
    if (last >= 0 && start <= this.ends[last]!) this.ends[last] = Math.max(this.ends[last]!, end);
    else {
      this.starts.push(start);
      this.ends.push(end);
    }
  }

  /** Place the ranges from `position` on. Returns the position after them. */
  place(position: number): number {
    let at = position;
    for (let i = 0; i < this.starts.length; i++) {
      this.positions.push(at);
      at += this.ends[i]! - this.starts[i]!;
    }
    return at;
  }

  positionOf(address: number): number {
    const i = lastAtOrBelow(this.starts, address);
    return this.positions[i]! + address - this.starts[i]!;
  }
}

interface Spaces {
  readonly bytes: number;
  readonly unions: ReadonlyMap<string, Union>;
}

function unionOf(placed: readonly (readonly Placed[])[]): Spaces {
  const unions = new Map<string, Union>();
  for (const { space, start, end } of placed.flat().sort((a, b) => a.start - b.start)) {
    const union = unions.get(space) ?? new Union();
    union.add(start, end);
    unions.set(space, union);
  }
  let bytes = 0;
  for (const space of [...unions.keys()].sort()) bytes = unions.get(space)!.place(bytes);
  return { bytes, unions };
}

/** The aligned image as extents of the image itself. */
function extentsOf(placed: readonly Placed[], { bytes, unions }: Spaces): ExtentTable {
  const extents = new ExtentTable();
  for (const { space, start, end, position } of placed) {
    const at = unions.get(space)!.positionOf(start);
    if (at > extents.bytes) extents.add(at - extents.bytes);
    extents.add(end - start, position);
  }
  if (bytes > extents.bytes) extents.add(bytes - extents.bytes);
  return extents;
}

function alignedSource(image: FileSource, extents: ExtentTable): PageSource {
  const { name } = image;
  const { bytes } = extents;
  const readAt = (into: Uint8Array, position: number) => {
    const wanted = Math.max(0, Math.min(into.length, bytes - position));
    for (let done = 0; done < wanted; ) {
      const at = position + done;
      const i = extents.indexAt(at);
      const part = into.subarray(done, Math.min(wanted, done + extents.end(i) - at));
      const offset = extents.offset(i);
      if (offset === undefined) part.fill(0);
      else image.readAt!(part, offset + at - extents.position(i));
      done += part.length;
    }
    return wanted;
  };
  return { name, bytes, readAt, read: readInOrder(readAt) };
}
