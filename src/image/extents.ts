import { PageferryError } from '../page/error.js';
import type { FileRange, PageSource } from '../page/source.js';
import { checkPosition } from './fs/errno.js';
import type { ReadHandle } from './fs/read-handle.js';
import { LifeCycle } from './life-cycle.js';

/** Zero ranges are skipped in multiples of the largest page size, so that all pages stay aligned. */
export const SKIP_BYTES = 64 << 10;

/** A range of an image: stored in the file at `offset`, or all zero and not stored if it has no offset. */
export interface Extent {
  /** Position in the image. */
  readonly position: number;
  readonly bytes: number;
  readonly offset?: number;
}

/** An image in a file that can be read at any position. */
export interface ExtentSource extends PageSource {
  readonly bytes: number;
  skipZeros(maxBytes: number): number;
  readAt(into: Uint8Array, position: number): number;
  fileRange(position: number, bytes: number): FileRange | undefined;
  zerosAt(position: number, maxBytes: number): number;
  close(): void;
}

/**
 * Create a source of extents, which follow each other without gaps. It owns `handle`. `holeBytesAt`: bytes
 * from a position on that are in a hole of the file, so that they are zero.
 */
export function createExtentSource(
  handle: ReadHandle,
  extents: readonly Extent[],
  holeBytesAt?: (position: number) => number,
): ExtentSource {
  const last = extents.at(-1);
  const bytes = last ? last.position + last.bytes : 0;
  const { name } = handle;
  const life = new LifeCycle(name);
  const stored = extents.filter(({ offset }) => offset !== undefined);
  const isWhole = stored.every(
    ({ offset, position }) => offset! - position === stored[0]!.offset! - stored[0]!.position,
  );
  /** Zero bytes that are in no file: a multiple of SKIP_BYTES, or all up to the end of the image. */
  const zerosAt = (position: number, maxBytes: number) => {
    if (position >= bytes) return 0;
    const extent = extents[extentIndex(extents, position)]!;
    const rest = extent.position + extent.bytes - position;
    const known = extent.offset === undefined ? rest : (holeBytesAt?.(position) ?? 0);
    const zeros = Math.min(maxBytes, rest, known);
    return position + zeros === bytes ? zeros : zeros - (zeros % SKIP_BYTES);
  };
  let next = 0;
  return {
    name,
    bytes,
    async read(into) {
      life.check();
      const wanted = Math.min(into.length, bytes - next);
      const from = next;
      next += wanted;
      try {
        for (let done = 0; done < wanted; ) {
          const { part, offset } = partOf(extents, into, done, wanted, from + done);
          if (offset === undefined) part.fill(0);
          else checkComplete(name, await handle.read(part, offset), part.length, offset);
          done += part.length;
        }
      } catch (cause) {
        life.fail(cause); // a later read would continue after the missing bytes
      }
      return wanted;
    },
    skipZeros(maxBytes) {
      life.check();
      const skipped = zerosAt(next, maxBytes);
      next += skipped;
      return skipped;
    },
    readAt(into, position) {
      life.check();
      checkPosition(name, position);
      const wanted = Math.max(0, Math.min(into.length, bytes - position));
      for (let done = 0; done < wanted; ) {
        const { part, offset } = partOf(extents, into, done, wanted, position + done);
        if (offset === undefined) part.fill(0);
        else checkComplete(name, handle.readSync(part, offset), part.length, offset);
        done += part.length;
      }
      return wanted;
    },
    fileRange(position, length) {
      life.check();
      const extent = extents[extentIndex(extents, position)];
      if (extent?.offset === undefined || position + length > extent.position + extent.bytes)
        return undefined;
      const file = handle.file.hold();
      const offset = extent.offset + position - extent.position;
      return { file, offset, isWhole, release: () => handle.file.release() };
    },
    zerosAt(position, maxBytes) {
      life.check();
      return zerosAt(position, maxBytes);
    },
    close() {
      life.endBy('close');
      handle.close();
    },
  };
}

/** The part of into[done, wanted) that the extent at `position` fills, and its offset in the file. */
function partOf(
  extents: readonly Extent[],
  into: Uint8Array,
  done: number,
  wanted: number,
  position: number,
): { readonly part: Uint8Array; readonly offset: number | undefined } {
  const extent = extents[extentIndex(extents, position)]!;
  const within = position - extent.position;
  return {
    part: into.subarray(done, Math.min(wanted, done + extent.bytes - within)),
    offset: extent.offset === undefined ? undefined : extent.offset + within,
  };
}

/** Index of the last extent that begins at or before `position`. */
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

/** @throws PageferryError `io` for a read that ended early */
export function checkComplete(name: string, got: number, wanted: number, offset: number): void {
  if (got < wanted)
    throw new PageferryError(
      'io',
      `${name}: expected ${wanted} bytes at ${offset}, got ${got}: the file was truncated while it was read`,
    );
}
