import fs from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { asIoError, ioError } from '../image/fs/errno.js';
import { isStore } from '../image/image-file.js';
import { PageferryError } from '../page/error.js';
import { type StoreConfig, writeConfig } from './config.js';
import { openDatabase } from './database.js';
import { databaseFolder } from './database-file.js';
import { packFolder } from './pack-files.js';

/** More than the 8272 bytes that LMDB needs for its default of 126 readers. */
const LOCK_FILE_BYTES = 16384;

/**
 * Create the files of a store without snapshots in `dir`, which must not exist or be empty. A failure
 * removes what was created.
 * @throws PageferryError `io`
 */
export async function createFiles(dir: string, config: StoreConfig): Promise<void> {
  const created = createEmptyDirectory(dir);
  try {
    fs.mkdirSync(packFolder(dir), { mode: 0o700 });
    createDatabaseFolder(databaseFolder(dir));
    await (await openDatabase(dir, undefined, true)).close();
    await writeConfig(dir, config);
  } catch (cause) {
    for (const name of fs.readdirSync(dir)) fs.rmSync(join(dir, name), { recursive: true, force: true });
    if (created !== undefined) fs.rmSync(created, { recursive: true, force: true });
    throw asIoError(dir, 'cannot create', cause);
  }
}

/** Create a directory, if there is no empty one. Returns the first directory that was created, if any. */
function createEmptyDirectory(dir: string): string | undefined {
  const outer = storeAround(dir);
  if (outer !== undefined)
    throw new PageferryError('io', `${dir}: is inside of the store ${outer}; name a directory outside of it`);
  try {
    const created = createDirectories(dir);
    if (fs.readdirSync(dir).length === 0) return created;
  } catch (cause) {
    throw ioError(dir, 'cannot create', cause);
  }
  const found = isStore(dir) ? 'is a store already' : 'is not empty';
  throw new PageferryError('io', `${dir}: ${found}; name a new directory`);
}

/**
 * Create a directory and the missing ones above it. Returns the first that was created, if any. `mkdirSync`
 * with `recursive` would never return where a parent refuses with ENOENT, as /proc does.
 */
function createDirectories(dir: string): string | undefined {
  if (fs.statSync(dir, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  const parent = dirname(dir);
  const outer = fs.existsSync(parent) ? undefined : createDirectories(parent);
  fs.mkdirSync(dir, { mode: 0o700 });
  return outer ?? dir;
}

/** Return the store that a directory is in, if any. */
function storeAround(dir: string): string | undefined {
  for (let inner = resolve(dir); ; ) {
    const outer = dirname(inner);
    if (outer === inner) return undefined;
    if (isStore(outer)) return outer;
    inner = outer;
  }
}

/**
 * Create LMDB's folder and its lock file. LMDB maps the lock file and writes through the mapping: without
 * blocks of its own a full disk would end the process by SIGBUS instead of an error.
 */
function createDatabaseFolder(folder: string): void {
  fs.mkdirSync(folder, { mode: 0o700 });
  const path = join(folder, 'lock.mdb');
  try {
    fs.writeFileSync(path, new Uint8Array(LOCK_FILE_BYTES), { mode: 0o600 });
  } catch (cause) {
    throw ioError(path, `cannot write ${LOCK_FILE_BYTES} bytes`, cause);
  }
}
