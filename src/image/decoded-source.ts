import { SKIP_BYTES } from './extents.js';
import { FileLifeCycle } from './file-life-cycle.js';
import { checkPosition } from './fs/errno.js';
import type { ReadHandle } from './fs/read-handle.js';
import type { FileSource } from './image-file.js';

/** An image whose pages have to be decoded. */
export interface DecodedPages {
  readonly bytes: number;
  /** Fill `into` with the bytes from `position` on, which all exist. @throws PageferryError */
  read(into: Uint8Array, position: number): void;
  /** Bytes from `position` on that are known to be zero, up to `maxBytes`. */
  zeroBytesAt(position: number, maxBytes: number): number;
}

/** A source that can be read at any position. */
export interface DecodedSource extends FileSource {
  readonly bytes: number;
  skipZeros(maxBytes: number): number;
  readAt(into: Uint8Array, position: number): number;
}

/** Create a source of pages that are decoded when they are read. It owns `handle`. */
export function createDecodedSource(
  handle: Pick<ReadHandle, 'name' | 'close'>,
  pages: DecodedPages,
): DecodedSource {
  const { name } = handle;
  const { bytes } = pages;
  const life = new FileLifeCycle(name);
  let next = 0;
  return {
    name,
    bytes,
    read(into) {
      life.check();
      const wanted = Math.min(into.length, bytes - next);
      try {
        pages.read(into.subarray(0, wanted), next);
      } catch (cause) {
        life.fail(cause); // a later read would continue after the missing bytes
      }
      next += wanted;
      return wanted;
    },
    skipZeros(maxBytes) {
      life.check();
      if (next % SKIP_BYTES !== 0) return 0;
      const zeros = pages.zeroBytesAt(next, Math.min(maxBytes, bytes - next));
      const skipped = next + zeros === bytes ? zeros : zeros - (zeros % SKIP_BYTES);
      next += skipped;
      return skipped;
    },
    readAt(into, position) {
      life.check();
      checkPosition(name, position);
      const wanted = Math.max(0, Math.min(into.length, bytes - position));
      pages.read(into.subarray(0, wanted), position);
      return wanted;
    },
    close() {
      life.endBy('close');
      handle.close();
    },
  };
}
