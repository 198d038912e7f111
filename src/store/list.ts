// The list of a store's snapshots, without the class Store: `store list` loads only what it needs.
import { readConfig } from './config.js';
import type { StoreDatabase } from './database.js';
import { databaseFile } from './database-file.js';
import { openSecrets } from './encryption/secrets.js';
import { readLmdbEntries } from './lmdb-file.js';
import { openContext } from './open-context.js';
import type { OpenOptions } from './options.js';
import { compareAge, readSnapshotInfo, SNAPSHOTS, type SnapshotInfo } from './snapshot-info.js';

/** Return the snapshots of the store in `dir`, oldest first. @throws PageferryError as `openStore` does */
export async function listSnapshots(dir: string, options: OpenOptions = {}): Promise<SnapshotInfo[]> {
  const { recordCipher } = openSecrets(dir, readConfig(dir), options.keyFile);
  const entries = readLmdbEntries(databaseFile(dir), SNAPSHOTS);
  if (entries)
    return byAge(
      entries.map(({ key, value }) =>
        readSnapshotInfo(recordCipher, Buffer.from(key).toString('latin1'), value),
      ),
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
  return infos.sort(compareAge);
}
