import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
import { ioError } from './errno.js';
import { writeAllSync } from './output.js';
import { readHandle } from './read-handle.js';

/**
 * Keeps an image only for as long as later pages may refer to it, in a file of the temporary folder that has no name: it is gone
 * when it is closed, and when the program dies.
 * @throws PageferryError `io` when the temporary folder cannot be written
 */
export function createScratchSink(): PageSink {
  const name = join(tmpdir(), `pageferry-${process.pid}-${Math.random().toString(36).slice(2)}`);
  let fd: number;
  try {
    fd = fs.openSync(name, 'wx+', 0o600);
    fs.unlinkSync(name);
  } catch (cause) {
    throw ioError(name, 'cannot create', cause);
  }
  const reader = readHandle(fd, name);
  let end = 0;
  let open = true;
  const close = () => {
    if (open) fs.closeSync(fd);
    open = false;
  };
  // The descriptor's number belongs to some other file once it is closed.
  const check = () => {
    if (!open) throw new PageferryError('bad-argument', `${name}: used after finish or abort`);
  };
  return {
    write(bytes, position) {
      check();
      writeAllSync(fd, name, bytes, position);
      end = Math.max(end, position + bytes.length);
    },
    zero(position, bytes) {
      check();
      end = Math.max(end, position + bytes);
    },
    readAt(into, position) {
      check();
      const bytes = Math.max(0, Math.min(into.length, end - position));
      const got = reader.readSync(into.subarray(0, bytes), position);
      // Past the file's own end is the hole that it ends in.
      into.fill(0, got, bytes);
      return bytes;
    },
    finish: close,
    abort: close,
  };
}
