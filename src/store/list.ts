// The snapshots of a store. Apart from the class Store, so that a program that only lists them loads no more.
import type { SnapshotInfo, StoreDatabase } from './database.js';
import { openContext } from './open-context.js';
import type { OpenOptions } from './options.js';

/** Return the snapshots of the store in `dir`, oldest first. @throws PageferryError as `openStore` does */
export async function listSnapshots(dir: string, options: OpenOptions = {}): Promise<SnapshotInfo[]> {
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
  return db.snapshotInfos().sort((a, b) => compare(a.created, b.created) || compare(a.name, b.name));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
