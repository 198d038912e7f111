import { PageferryError } from '../page/error.js';
import type { PageSource } from '../page/source.js';
import { checkPosition } from './fs/errno.js';
import type { ReadHandle } from './fs/read-handle.js';

/** A stretch of an image and where in the file it lies; one without an offset is all zero and in no file. */
export interface Extent {
  readonly position: number;
  readonly bytes: number;
  readonly offset?: number;
}

/** An image made of extents, which follow each other without a gap. */
export interface ExtentSource extends PageSource {
  readonly bytes: number;
  readAt(into: Uint8Array, position: number): number;
  close(): void;
}

export function extentSource(handle: ReadHandle, extents: readonly Extent[]): ExtentSource {
  const last = extents.at(-1);
  const bytes = last ? last.position + last.bytes : 0;
  const name = handle.name;
  let next = 0;
  return {
    name,
    bytes,
    async read(into) {
      const wanted = Math.min(into.length, bytes - next);
      const from = next;
      next += wanted;
      for (let done = 0; done < wanted; ) {
        const { part, offset } = piece(extents, into, done, wanted, from + done);
        if (offset === undefined) part.fill(0);
        else checkWhole(name, await handle.read(part, offset), part.length, offset);
        done += part.length;
      }
      return wanted;
    },
    readAt(into, position) {
      checkPosition(name, position);
      const wanted = Math.max(0, Math.min(into.length, bytes - position));
      for (let done = 0; done < wanted; ) {
        const { part, offset } = piece(extents, into, done, wanted, position + done);
        if (offset === undefined) part.fill(0);
        else checkWhole(name, handle.readSync(part, offset), part.length, offset);
        done += part.length;
      }
      return wanted;
    },
    close: handle.close,
  };
}

/** As much of into[done, wanted) as the extent at `position` fills, and where in the file that lies. */
function piece(extents: readonly Extent[], into: Uint8Array, done: number, wanted: number, position: number) {
  const extent = extents[extentIndex(extents, position)]!;
  const within = position - extent.position;
  return {
    part: into.subarray(done, Math.min(wanted, done + extent.bytes - within)),
    offset: extent.offset === undefined ? undefined : extent.offset + within,
  };
}

/** The last extent that begins at or before `position`. */
export function extentIndex(extents: readonly { readonly position: number }[], position: number): number {
  let low = 0;
  let high = extents.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (extents[middle]!.position <= position) low = middle;
    else high = middle - 1;
  }
  return low;
}

function checkWhole(name: string, got: number, wanted: number, offset: number): void {
  if (got < wanted)
    throw new PageferryError(
      'io',
      `${name}: expected ${wanted} bytes at ${offset}, got ${got}: the file was cut short while it was read`,
    );
}
