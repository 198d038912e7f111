import fs from 'node:fs';
import { PageferryError } from '../page/error.js';
import type { PageSource } from '../page/source.js';
import { extentSource } from './extents.js';
import { ioError } from './fs/errno.js';
import { openPipeAhead } from './fs/pipe-ahead.js';
import { openHandle, type ReadHandle, readHandle } from './fs/read-handle.js';

export interface FileSource extends PageSource {
  close(): void;
}

/**
 * Raw guest RAM: the file's bytes are the image's bytes, and holes read as zeros. A regular file or block device is read as
 * long as it was when opened, and anywhere. A pipe, a terminal or "-" (standard input) is read in order only and has no
 * `bytes`; a named pipe is opened by the first read, which waits for its writer without holding the event loop up.
 * @throws PageferryError `io` for what cannot be opened
 */
export function openFileSource(path: string): FileSource {
  if (path === '-') return standardInput();
  const stat = statInput(path);
  if (stat.isFile() || stat.isBlockDevice()) return seekableSource(path);
  return sequentialSource(path, () => openLater(path), true);
}

/** A pipe is read ahead where that can be done. */
function standardInput(): FileSource {
  const name = 'standard input';
  const ahead = openPipeAhead(0, name);
  if (!ahead) return sequentialSource(name, () => Promise.resolve(0), false);
  let closed = false;
  return {
    name,
    async read(into) {
      if (closed) throw new PageferryError('bad-argument', `${name}: read after it was closed`);
      return ahead.read(into);
    },
    close() {
      closed = true;
      ahead.close();
    },
  };
}

function statInput(path: string): fs.Stats {
  let stat: fs.Stats;
  try {
    stat = fs.statSync(path);
    if (!stat.isDirectory()) fs.accessSync(path, fs.constants.R_OK);
  } catch (cause) {
    throw ioError(path, 'cannot open', cause);
  }
  if (stat.isDirectory()) throw new PageferryError('io', `${path}: expected a memory image, got a directory`);
  return stat;
}

function seekableSource(path: string): FileSource {
  const handle = openHandle(path);
  try {
    const stat = fs.fstatSync(handle.fd);
    const bytes = stat.isBlockDevice() ? deviceBytes(handle) : stat.size;
    return extentSource(handle, [{ position: 0, bytes, offset: 0 }]);
  } catch (cause) {
    handle.close();
    throw cause instanceof PageferryError ? cause : ioError(path, 'cannot open', cause);
  }
}

/** A block device's stat has no size and Node has no seek, so its end is searched for: some 50 reads of one byte. */
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

function sequentialSource(name: string, open: () => Promise<number>, ours: boolean): FileSource {
  let handle: Promise<ReadHandle> | undefined;
  let closed = false;
  return {
    name,
    async read(into) {
      if (closed) throw new PageferryError('bad-argument', `${name}: read after it was closed`);
      handle ??= open().then((fd) => readHandle(fd, name));
      return (await handle).read(into, null);
    },
    close() {
      closed = true;
      if (ours)
        handle?.then(
          (opened) => opened.close(),
          () => {},
        );
    },
  };
}

function openLater(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, 'r', (cause, fd) => (cause ? reject(ioError(path, 'cannot open', cause)) : resolve(fd)));
  });
}
