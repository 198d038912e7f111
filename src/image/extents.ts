import { PageferryError } from '../page/error.js';
import type { FileRange } from '../page/source.js';
import { type Extent, ExtentTable } from './extent-table.js';
import { FileLifeCycle } from './file-life-cycle.js';
import { checkPosition } from './fs/errno.js';
import type { ReadHandle } from './fs/read-handle.js';
import type { FileSource } from './image-file.js';
import { NearExtents } from './near-extents.js';

/** Zero ranges are skipped in multiples of the largest page size, so that all pages stay aligned. */
export const SKIP_BYTES = 64 << 10;

/** An image in a file that can be read at any position. */
export interface ExtentSource extends FileSource {
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
  ranges: ExtentTable | readonly Extent[],
  holeBytesAt?: (position: number) => number,
): ExtentSource {
  const extents = ExtentTable.of(ranges);
  const { bytes } = extents;
  const { name } = handle;
  const life = new FileLifeCycle(name);
  const isWhole = isOnePiece(extents);
  /** Zero bytes that are in no file: a multiple of SKIP_BYTES, or all up to the end of the image. */
  const zerosAt = (position: number, maxBytes: number) => {
    if (position >= bytes) return 0;
    const i = extents.indexAt(position);
    const rest = extents.end(i) - position;
    const known = extents.offset(i) === undefined ? rest : (holeBytesAt?.(position) ?? 0);
    const zeros = Math.min(maxBytes, rest, known);
    return position + zeros === bytes ? zeros : zeros - (zeros % SKIP_BYTES);
  };
  const near = new NearExtents(extents);
  /** Another buffer: a position can be read while a read waits. */
  const nearSync = new NearExtents(extents);
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
          const span = near.spanAt(from + done, wanted - done);
          if (span) {
            const buffer = near.bufferFor(span);
            checkComplete(name, await handle.read(buffer, span.offset), span.bytes, span.offset);
            near.copy(buffer, into.subarray(done), from + done, span);
            done += span.imageBytes;
            continue;
          }
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
        const span = nearSync.spanAt(position + done, wanted - done);
        if (span) {
          const buffer = nearSync.bufferFor(span);
          checkComplete(name, handle.readSync(buffer, span.offset), span.bytes, span.offset);
          nearSync.copy(buffer, into.subarray(done), position + done, span);
          done += span.imageBytes;
          continue;
        }
        const { part, offset } = partOf(extents, into, done, wanted, position + done);
        if (offset === undefined) part.fill(0);
        else checkComplete(name, handle.readSync(part, offset), part.length, offset);
        done += part.length;
      }
      return wanted;
    },
    fileRange(position, length) {
      life.check();
      const i = extents.indexAt(position);
      const start = extents.length > 0 ? extents.offset(i) : undefined;
      if (start === undefined || position + length > extents.end(i)) return undefined;
      const file = handle.file.hold();
      const offset = start + position - extents.position(i);
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
  extents: ExtentTable,
  into: Uint8Array,
  done: number,
  wanted: number,
  position: number,
): { readonly part: Uint8Array; readonly offset: number | undefined } {
  const i = extents.indexAt(position);
  const offset = extents.offset(i);
  return {
    part: into.subarray(done, Math.min(wanted, done + extents.end(i) - position)),
    offset: offset === undefined ? undefined : offset + position - extents.position(i),
  };
}

/** Whether all stored extents are at the same distance in the file as in the image. */
function isOnePiece(extents: ExtentTable): boolean {
  let distance: number | undefined;
  for (let i = 0; i < extents.length; i++) {
    const offset = extents.offset(i);
    if (offset === undefined) continue;
    distance ??= offset - extents.position(i);
    if (offset - extents.position(i) !== distance) return false;
  }
  return true;
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
