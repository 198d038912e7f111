import fs from 'node:fs';
import { join } from 'node:path';
import { errnoOf, ioError } from '../image/fs/errno.js';
import { PageferryError } from '../page/error.js';
import { lmdbDamage } from './lmdb-file.js';

/** Name of the database's folder in a store. */
const FOLDER = 'meta';

/** Return the folder of a store's database. */
export function databaseFolder(dir: string): string {
  return join(dir, FOLDER);
}

/** Return the file of a store's database. */
export function databaseFile(dir: string): string {
  return join(databaseFolder(dir), 'data.mdb');
}

/**
 * Check that the database of a store exists and can be opened: LMDB creates a missing one, with which the
 * next writer removes all packs, and a damaged one ends the process. `all`: verify every page, also of a
 * large one.
 * @throws PageferryError `io`, `bad-stream`
 */
export function checkDatabaseFile(dir: string, all = false): void {
  const path = databaseFile(dir);
  let problem: string | undefined;
  try {
    problem = fileProblem(path);
    if (problem === undefined) problem = lmdbDamage(path, all);
    const locks = join(databaseFolder(dir), 'lock.mdb');
    if (fs.lstatSync(locks, { throwIfNoEntry: false }) && !isFile(locks))
      throw new PageferryError('io', `${locks}: is no regular file; remove it`);
  } catch (cause) {
    if (cause instanceof PageferryError) throw cause;
    throw ioError(path, 'cannot read', cause);
  }
  if (problem === undefined) return;
  throw new PageferryError(
    'bad-stream',
    `${path}: ${problem}; the packs cannot be read without it: restore ${FOLDER} from a copy of the store`,
  );
}

function fileProblem(path: string): string | undefined {
  try {
    const stats = fs.statSync(path);
    if (!stats.isFile()) return 'is no regular file';
    return stats.size === 0 ? 'is empty' : undefined;
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ENOTDIR') return 'does not exist';
    throw cause;
  }
}

function isFile(path: string): boolean {
  try {
    return fs.statSync(path).isFile();
  } catch {
    return false;
  }
}
