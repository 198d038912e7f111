// The snapshots of a store. Apart from the class Store, so that a program that only lists them loads no more.
import { readConfig } from './config.js';
import type { StoreDatabase } from './database.js';
import { databasePath } from './database-file.js';
import { openSecrets } from './encryption/secrets.js';
import { readLmdbEntries } from './lmdb-file.js';
import { openContext } from './open-context.js';
import type { OpenOptions } from './options.js';
import { readSnapshotInfo, SNAPSHOTS, type SnapshotInfo } from './snapshot-info.js';

/** Return the snapshots of the store in `dir`, oldest first. @throws PageferryError as `openStore` does */
export async function listSnapshots(dir: string, options: OpenOptions = {}): Promise<SnapshotInfo[]> {
  const { records } = openSecrets(dir, readConfig(dir), options.keyFile);
  const entries = readLmdbEntries(databasePath(dir), SNAPSHOTS);
  if (entries)
    return byAge(
      entries.map(({ key, value }) => readSnapshotInfo(records, Buffer.from(key).toString('latin1'), value)),
    );
  const { db } = await openContext(dir, options);
  try {
    return snapshotsByAge(db);
  } finally {
    await db.close();
  }
}

/** Return the snapshots, oldest first. */
export function snapshotsByAge(db: StoreDatabase): SnapshotInfo[] {
  db.refresh();
  return byAge(db.snapshotInfos());
}

function byAge(infos: SnapshotInfo[]): SnapshotInfo[] {
  return infos.sort((a, b) => compare(a.created, b.created) || compare(a.name, b.name));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
