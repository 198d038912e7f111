import fs from 'node:fs';
import { PageferryError } from '../../page/error.js';
import { errnoOf } from './errno.js';
import { syncPath } from './sync-path.js';

/**
 * Rename a complete file or directory. If `to` is a mount point (such as a file of a container), which cannot
 * be replaced, the file is copied to it if there is space.
 * @throws PageferryError `io`; the system's error
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

/** Check that a copy fits before it begins, since it destroys the old content. @throws PageferryError `io` */
function checkSpace(from: string, to: string, name: string): void {
  const { bavail, bsize } = fs.statfsSync(to);
  const free = bavail * bsize + 512 * fs.statSync(to).blocks;
  const { size } = fs.statSync(from);
  if (size <= free) return;
  const found = `is a mount point, which is overwritten in place: it needs ${size} bytes, ${free} are free`;
  throw new PageferryError('io', `${name}: ${found}; the old content is unchanged, name another file`);
}
