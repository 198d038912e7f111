import fs from 'node:fs';
import { join } from 'node:path';
import { asIoError, errnoOf, ioError } from '../image/fs/errno.js';
import { PageferryError } from '../page/error.js';
import { packFileName } from './format.js';

/** Return the folder of a store's packs. */
export function packFolder(dir: string): string {
  return join(dir, 'packs');
}

/** Return the path of a pack. */
export function packPath(dir: string, pack: number): string {
  return join(packFolder(dir), packFileName(pack));
}

/** Open a pack for reading. @throws PageferryError if it is no file; the system's error */
export function openPack(path: string): number {
  // Otherwise a FIFO would wait for a writer.
  const file = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  if (fs.fstatSync(file).isFile()) return file;
  fs.closeSync(file);
  throw new PageferryError('bad-stream', `${path}: is no regular file`);
}

/** The packs of a store, open for reading. A pack that is removed meanwhile stays readable. */
export class PackFiles {
  private readonly files = new Map<number, number>();

  constructor(private readonly dir: string) {}

  /** Open a pack. Returns false if it does not exist. @throws PageferryError `io` */
  open(pack: number): boolean {
    if (this.files.has(pack)) return true;
    const path = packPath(this.dir, pack);
    try {
      this.files.set(pack, openPack(path));
      return true;
    } catch (cause) {
      if (errnoOf(cause) === 'ENOENT') return false;
      throw asIoError(path, 'cannot open', cause);
    }
  }

  /**
   * Read `bytes` bytes of a pack into `into` from index `at` on, up to `maxBytes` if the pack has them.
   * Returns their number.
   * @throws PageferryError `io`, or `bad-stream` when the pack has fewer than `bytes`
   */
  read(pack: number, offset: number, into: Uint8Array, at: number, bytes: number, maxBytes = bytes): number {
    if (!this.open(pack))
      throw new PageferryError('bad-stream', `${packFileName(pack)}: does not exist; run store check`);
    const file = this.files.get(pack)!;
    let done = 0;
    while (done < bytes) {
      let count: number;
      try {
        count = fs.readSync(file, into, at + done, maxBytes - done, offset + done);
      } catch (cause) {
        throw ioError(packFileName(pack), `cannot read ${bytes - done} bytes at ${offset + done}`, cause);
      }
      if (count === 0)
        throw new PageferryError(
          'bad-stream',
          `${packFileName(pack)}: ends at byte ${offset + done}, ${bytes - done} bytes of a frame are missing`,
        );
      done += count;
    }
    return done;
  }

  close(): void {
    for (const file of this.files.values()) fs.closeSync(file);
    this.files.clear();
  }
}
