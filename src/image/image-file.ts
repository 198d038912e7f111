import fs from 'node:fs';
import { join } from 'node:path';
import { PageferryError } from '../page/error.js';
import type { PageSource } from '../page/source.js';
import type { AddressedRange } from './addressed-range.js';
import type { LazyContainer } from './container/lazy-container.js';
import type { FileBytes } from './file-bytes.js';
import { asIoError, ioError } from './fs/errno.js';
import { openReadHandle, type ReadHandle } from './fs/read-handle.js';
import type { ImageDetails } from './image-details.js';

/**
 * Bytes at the start of a file that `ImageFormat.detect` can look at: magic numbers and the headers after
 * them.
 */
const FIRST_BYTES = 4096;

/** An image in a file. */
export interface FileSource extends PageSource {
  /**
   * The bytes of the file that are not memory, with their places, for `Encoder.encode`; undefined if the
   * file has no others. Readable until the source is closed.
   */
  readonly container?: (PageSource & Partial<LazyContainer>) | undefined;
  /**
   * Return the addresses of the image's bytes, in its order: all of its bytes, or none if they are not known.
   */
  addressed?(): Iterable<AddressedRange>;
  /** Parts of the file that unpacking does not restore, and the reason, for a note to the user. */
  readonly note?: string | undefined;
  /** Release the file. The source cannot be used afterwards. */
  close(): void;
}

/** A regular file or block device, before its format is known. */
export interface ImageFile {
  /** Path, which is also the name for messages. A format of several files finds the others beside it. */
  readonly path: string;
  readonly bytes: number;
  /** The first 4 KiB, or the whole file if it is smaller. */
  readonly firstBytes: Uint8Array;
  /** Reads at any position. A source that `ImageFormat.open` returns owns it and closes it. */
  readonly handle: ReadHandle;
}

/** Options of `ImageFormat.load`. */
export interface LoadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes of the file that were decompressed, and their total. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** A format of image files. */
export interface ImageFormat {
  /** Name for messages, docs and `openImage`'s option `format`. */
  readonly name: string;
  /** File name extension of an unpacked file of this format. */
  readonly extension: string;
  /** Description for help texts: a noun phrase. */
  readonly summary: string;
  /**
   * Whether a file has this format: by `firstBytes` if possible, else by reads through `handle`. A variant
   * that cannot be read is detected too: `open` then reports what is not supported.
   */
  detect(file: ImageFile): boolean;
  /**
   * Open the image. If it throws, the caller closes the file.
   * @throws PageferryError `bad-image` for a damaged file, `unsupported` for a variant that cannot be read,
   * `limit`, `io`
   */
  open(file: ImageFile): FileSource;
  /**
   * Open the image without blocking the event loop, where `open` would block it for long.
   * @throws as `open` does; the reason of the signal
   */
  load?(file: ImageFile, options: LoadOptions): Promise<FileSource>;
  /**
   * Describe the file for `pageferry inspect`, also one that `open` refuses, such as a truncated one. It does
   * not close the file. @throws PageferryError as `open` does, if nothing is known of the file
   */
  inspect?(file: ImageFile): ImageDetails;
  /**
   * Return the notes of the file (registers, VMCOREINFO) as a little-endian ELF64 core has them, for
   * `unpack --as`; empty if it has none of that kind. @throws PageferryError as `open` does
   */
  notes?(file: FileBytes): Uint8Array;
}

const DIRECTORY_REMEDY = "is a directory; name an image file in it, or a directory of CRIU's images";
const STORE_REMEDY =
  'is a store; pageferry store get writes a snapshot of it to a file, mount and serve read it';

/** The file that makes a directory a store of snapshots. */
export const STORE_FILE = 'store.json';

/** Whether a directory is a store of snapshots. */
export function isStore(directory: string): boolean {
  return fs.existsSync(join(directory, STORE_FILE));
}

/** Look up an input path. @throws PageferryError `io` for a directory or what cannot be read */
export function statInput(path: string): fs.Stats {
  let stat: fs.Stats;
  try {
    stat = fs.statSync(path);
    if (!stat.isDirectory()) fs.accessSync(path, fs.constants.R_OK);
  } catch (cause) {
    throw ioError(path, 'cannot open', cause);
  }
  if (stat.isDirectory())
    throw new PageferryError('io', `${path}: ${isStore(path) ? STORE_REMEDY : DIRECTORY_REMEDY}`);
  return stat;
}

/**
 * Open a regular file or block device. Returns undefined for a file whose stated size is 0 but that has
 * content, as those of /proc do: it can only be read in order.
 * @throws PageferryError `io`
 */
export function openImageFile(path: string): ImageFile | undefined {
  const handle = openReadHandle(path);
  try {
    const stat = fs.fstatSync(handle.file.use());
    const isRegular = stat.isFile();
    if (!isRegular && !stat.isBlockDevice())
      throw new PageferryError(
        'unsupported',
        `${path}: is neither a file nor a block device, so it cannot be read at any position`,
      );
    const bytes = isRegular ? stat.size : deviceBytes(handle);
    const first = new Uint8Array(FIRST_BYTES);
    const firstBytes = first.subarray(0, handle.readSync(first, 0));
    if (bytes === 0 && firstBytes.length > 0) {
      handle.close();
      return undefined;
    }
    return { path, bytes, firstBytes, handle };
  } catch (cause) {
    handle.close();
    throw asIoError(path, 'cannot open', cause);
  }
}

/** Open a regular file or block device that has the given format. @throws PageferryError as `open` does */
export function openAs<T>(path: string, open: (file: ImageFile) => T): T {
  const file = openImageFile(path);
  if (!file)
    throw new PageferryError(
      'unsupported',
      `${path}: states 0 bytes but has content, so it cannot be read at any position`,
    );
  try {
    return open(file);
  } catch (cause) {
    file.handle.close();
    throw asIoError(path, 'cannot open', cause);
  }
}

/**
 * The size of a block device, by a search of some 50 reads of one byte: its stat has no size and Node has no
 * seek.
 */
function deviceBytes(handle: ReadHandle): number {
  const byte = new Uint8Array(1);
  const has = (position: number) => handle.readSync(byte, position) === 1;
  if (!has(0)) return 0;
  let low = 0;
  let high = 1 << 20;
  while (has(high)) {
    low = high;
    high *= 2;
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (has(middle)) low = middle;
    else high = middle;
  }
  return high;
}
