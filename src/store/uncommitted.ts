// Bytes of packs that no transaction has committed: a running writer's, or those that a killed one has left.
import fs from 'node:fs';
import { asIoError, ioError } from '../image/fs/errno.js';
import type { StoreDatabase } from './database.js';
import { packNumberOf } from './format.js';
import { isLocked } from './lock.js';
import { packFolder, packPath } from './pack-files.js';
import type { StoreContext } from './store-context.js';

/** A file of packs that is longer than its committed bytes, or that no transaction has committed. */
interface UncommittedFile {
  readonly path: string;
  /** Undefined if the whole file is not committed. */
  readonly committedBytes: number | undefined;
  readonly bytes: number;
}

/**
 * Remove the packs that no transaction has committed, and the bytes after the committed ones; return their
 * number. For the only writer of a store. @throws PageferryError `io`, `bad-stream`
 */
export function removeUncommitted(dir: string, db: StoreDatabase): number {
  let removedBytes = 0;
  for (const { path, committedBytes, bytes } of uncommittedFiles(dir, db)) {
    try {
      if (committedBytes === undefined) fs.rmSync(path, { force: true });
      else fs.truncateSync(path, committedBytes);
    } catch (cause) {
      throw ioError(path, 'cannot remove uncommitted bytes', cause);
    }
    removedBytes += bytes;
  }
  return removedBytes;
}

/**
 * Return the bytes that killed writers have left. While another program writes, these are its own, so there
 * are none. What cannot be read counts as none too: `check` names the damage.
 */
export function interruptedBytes({ db, dir }: StoreContext): number {
  db.refresh();
  const before = db.lastTransaction;
  let bytes = 0;
  try {
    for (const file of uncommittedFiles(dir, db)) bytes += file.bytes;
  } catch {
    return 0;
  }
  db.refresh();
  return db.lastTransaction !== before || isLocked(db) ? 0 : bytes;
}

function uncommittedFiles(dir: string, db: StoreDatabase): UncommittedFile[] {
  const files: UncommittedFile[] = [];
  let path = packFolder(dir);
  try {
    for (const name of fs.readdirSync(path)) {
      const pack = packNumberOf(name);
      if (pack === undefined) continue;
      path = packPath(dir, pack);
      const committedBytes = db.pack(pack)?.bytes;
      const bytes = (fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0) - (committedBytes ?? 0);
      if (bytes > 0 || committedBytes === undefined) files.push({ path, committedBytes, bytes });
    }
  } catch (cause) {
    throw asIoError(path, 'cannot read', cause);
  }
  return files;
}
