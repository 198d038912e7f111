import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ioError } from './errno.js';
import { OpenFile } from './open-file.js';
import { createReadHandle, type ReadHandle } from './read-handle.js';

/**
 * A file of the temporary directory (`TMPDIR`) without a name; the system removes it when `reader` is closed.
 */
export interface UnnamedFile {
  readonly reader: ReadHandle;
  /** Descriptor for reading and writing. */
  readonly fd: number;
}

/** Create an empty file without a name. @throws PageferryError `io` */
export function openUnnamedFile(): UnnamedFile {
  const name = join(tmpdir(), `pageferry-${process.pid}-${Math.random().toString(36).slice(2)}`);
  try {
    const fd = fs.openSync(name, 'wx+', 0o600);
    fs.unlinkSync(name);
    return { fd, reader: createReadHandle(OpenFile.ofDescriptor(name, fd)) };
  } catch (cause) {
    throw ioError(name, 'cannot create', cause);
  }
}
