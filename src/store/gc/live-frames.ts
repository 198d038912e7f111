import type { StoreDatabase } from '../database.js';
import { decodeManifest } from '../manifest.js';

/** Return the ids of all frames that snapshots refer to, and of those that have their base pages. */
export async function liveFrames(
  db: StoreDatabase,
  yieldIfDue: () => Promise<void> | undefined,
): Promise<Set<number>> {
  const live = new Set<number>();
  for (const name of db.snapshotNames()) {
    const manifest = db.manifest(name);
    // A manifest that cannot be decoded could refer to any frame, so its error ends the collection.
    if (manifest) for (const id of decodeManifest(name, manifest).frameIds()) live.add(id);
    await yieldIfDue();
  }
  for (const id of [...live]) {
    for (const { baseFrame } of db.frame(id)?.deltas ?? []) live.add(baseFrame);
    await yieldIfDue();
  }
  return live;
}
