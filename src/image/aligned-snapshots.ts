// Images of one guest or process at several times, as images of equal size: each address of any of them has
// the same position in all. Memory comes and goes: a process maps and unmaps it, guests get more.

import type { PageSource } from '../page/source.js';
import { doubled } from './doubled.js';
import { ExtentTable } from './extent-table.js';
import type { FileSource } from './image-file.js';
import { readInOrder } from './read-in-order.js';
import { reorder, sortedOrder } from './sorted-order.js';

/** Addresses are compared as numbers, which hold multiples of this exactly. */
const PAGE_BYTES = 4096;

/** Ranges of addresses as columns, since an image can have a million. */
class Ranges {
  length = 0;
  /** Number of the space. */
  spaces = new Uint32Array(64);
  starts = new Float64Array(64);
  ends = new Float64Array(64);
  /** Position in the image. */
  positions = new Float64Array(64);

  add(space: number, start: number, end: number, position = 0): void {
    const i = this.length;
    if (i === this.starts.length) {
      this.spaces = doubled(this.spaces);
      this.starts = doubled(this.starts);
      this.ends = doubled(this.ends);
      this.positions = doubled(this.positions);
    }
    this.spaces[i] = space;
    this.starts[i] = start;
    this.ends[i] = end;
    this.positions[i] = position;
    this.length = i + 1;
  }

  /** Sort by space and address, with numbers of spaces from a table. Returns false if ranges overlap. */
  sort(numbers: Uint32Array): boolean {
    const { length, spaces, starts, ends, positions } = this;
    for (let i = 0; i < length; i++) spaces[i] = numbers[spaces[i]!]!;
    const order = sortedOrder(length, (a, b) => spaces[a]! - spaces[b]! || starts[a]! - starts[b]!);
    if (order) reorder([spaces, starts, ends, positions], order);
    for (let i = 1; i < length; i++)
      if (spaces[i - 1] === spaces[i] && ends[i - 1]! > starts[i]!) return false;
    return true;
  }

  /** Whether a range begins before another one. */
  isBefore(i: number, other: Ranges, j: number): boolean {
    const [space, otherSpace] = [this.spaces[i]!, other.spaces[j]!];
    return space === otherSpace ? this.starts[i]! < other.starts[j]! : space < otherSpace;
  }

  equals(other: Ranges): boolean {
    const areEqual = (a: ArrayLike<number>, b: ArrayLike<number>) => {
      for (let i = 0; i < this.length; i++) if (a[i] !== b[i]) return false;
      return true;
    };
    return (
      this.length === other.length &&
      areEqual(this.spaces, other.spaces) &&
      areEqual(this.starts, other.starts) &&
      areEqual(this.ends, other.ends) &&
      areEqual(this.positions, other.positions)
    );
  }
}

/**
 * Return the images with equal addresses at equal positions; what an image does not have is zero in it. The
 * images are returned unchanged if all have the same addresses, or one of them has none. They stay owned by
 * the caller.
 */
export function alignSnapshots(images: readonly FileSource[]): readonly PageSource[] {
  const names: string[] = [];
  const all: Ranges[] = [];
  for (const image of images) {
    const ranges = placeRanges(image, names);
    if (!ranges) return images;
    all.push(ranges);
  }
  const sortedNames = [...names].sort();
  const numbers = Uint32Array.from(names, (name) => sortedNames.indexOf(name));
  if (!all.every((ranges) => ranges.sort(numbers))) return images;
  const [first, ...others] = all;
  if (!first || others.every((ranges) => first.equals(ranges))) return images;
  const union = others.reduce(unionOf, unionOf(first, new Ranges()));
  return images.map((image, i) => alignedSource(image, extentsOf(all[i]!, union)));
}

/** Undefined for an image without addresses, or whose ranges are not whole pages. Adds names of spaces. */
function placeRanges({ addressed, bytes }: FileSource, names: string[]): Ranges | undefined {
  const ranges = new Ranges();
  let position = 0;
  let number = -1;
  for (const { space, address, bytes: size } of addressed?.() ?? []) {
    const start = Number(address);
    if (start % PAGE_BYTES !== 0 || size % PAGE_BYTES !== 0 || BigInt(start) !== address) return undefined;
    if (names[number] !== space) number = names.indexOf(space);
    if (number < 0) number = names.push(space) - 1;
    ranges.add(number, start, start + size, position);
    position += size;
  }
  return ranges.length > 0 && position === bytes ? ranges : undefined;
}

/** Addresses that at least one of two has, with their positions. */
function unionOf(a: Ranges, b: Ranges): Ranges {
  const union = new Ranges();
  const add = (from: Ranges, i: number) => {
    const last = union.length - 1;
    const [space, start, end] = [from.spaces[i]!, from.starts[i]!, from.ends[i]!];
    const continues = last >= 0 && union.spaces[last] === space && start <= union.ends[last]!;
    if (continues) union.ends[last] = Math.max(union.ends[last]!, end);
    else union.add(space, start, end, last < 0 ? 0 : endOf(union));
  };
  for (let i = 0, j = 0; i < a.length || j < b.length; )
    if (j === b.length || (i < a.length && a.isBefore(i, b, j))) add(a, i++);
    else add(b, j++);
  return union;
}

/** Position after the last range. */
function endOf({ length, starts, ends, positions }: Ranges): number {
  const last = length - 1;
  return positions[last]! + ends[last]! - starts[last]!;
}

/** The aligned image as extents of the image itself. */
function extentsOf(ranges: Ranges, union: Ranges): ExtentTable {
  const extents = new ExtentTable();
  let at = 0; // the range of the union that has range `i`
  for (let i = 0; i < ranges.length; i++) {
    const start = ranges.starts[i]!;
    while (union.spaces[at] !== ranges.spaces[i] || union.ends[at]! <= start) at++;
    const position = union.positions[at]! + start - union.starts[at]!;
    if (position > extents.bytes) extents.add(position - extents.bytes);
    extents.add(ranges.ends[i]! - start, ranges.positions[i]!);
  }
  const bytes = endOf(union);
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
