import fs from 'node:fs';
import { PageferryError } from '../../page/error.js';
import { errnoOf } from './errno.js';
import { syncPath } from './sync-path.js';

/**
 * Give the complete file `from` the name `to`. A mount point (a file in a container) cannot be replaced, so
 * it is overwritten, if there is space for that. @throws PageferryError `io`; the system's error
 */
export async function renameOrCopy(from: string, to: string, name: string): Promise<void> {
  try {
    fs.renameSync(from, to);
  } catch (cause) {
    if (errnoOf(cause) !== 'EBUSY') throw cause;
    checkSpace(from, to, name);
    await fs.promises.copyFile(from, to);
    await syncPath(to);
    fs.unlinkSync(from);
  }
}

/** The old content is lost as soon as a copy begins: one that would not fit must not begin. */
function checkSpace(from: string, to: string, name: string): void {
  const { bavail, bsize } = fs.statfsSync(to);
  const free = bavail * bsize + 512 * fs.statSync(to).blocks;
  const { size } = fs.statSync(from);
  if (size <= free) return;
  const found = `is a mount point, which is overwritten in place: it needs ${size} bytes, ${free} are free`;
  throw new PageferryError('io', `${name}: ${found}; the old content is unchanged, name another file`);
}
