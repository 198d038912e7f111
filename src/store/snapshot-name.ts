import { badArgument } from '../page/error.js';
import type { StoreDatabase } from './database.js';
import type { SnapshotInfo } from './snapshot-info.js';

/** The names of snapshots: they become file names in a mount, and names of exports. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Whether a snapshot can have this name. */
export function isSnapshotName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name);
}

/** Return the snapshot with this name, if there is one. The database cannot look up every text. */
export function snapshotNamed(db: StoreDatabase, name: string): SnapshotInfo | undefined {
  return isSnapshotName(name) ? db.snapshot(name) : undefined;
}

/** Check that a snapshot can have this name. @throws PageferryError `bad-argument` */
export function checkSnapshotName(name: unknown): void {
  if (isSnapshotName(name)) return;
  throw badArgument(
    `${JSON.stringify(name)}: not a name for a snapshot; write 1 to 128 letters, digits, ".", "_" or "-", ` +
      'the first one a letter or digit',
  );
}
