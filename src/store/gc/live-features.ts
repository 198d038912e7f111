import type { StoreDatabase } from '../database.js';
import type { FrameFeatures } from '../page-features.js';

/**
 * Remove the features of pages whose frames are not live, and damaged records. Without a record, `put` finds
 * fewer similar pages; nothing else needs it.
 */
export async function removeDeadFeatures(
  db: StoreDatabase,
  live: ReadonlySet<number>,
  yieldIfDue: () => Promise<void> | undefined,
): Promise<void> {
  for (const id of db.featureIds()) {
    const frames = featuresOf(db, id);
    const kept = frames?.filter(({ frame }) => live.has(frame)) ?? [];
    if (frames && kept.length === frames.length) continue;
    db.transaction(() => {
      db.removePageFeatures(id);
      if (kept.length > 0) db.putPageFeatures(kept[0]!.frame, kept);
    });
    await yieldIfDue();
  }
}

function featuresOf(db: StoreDatabase, id: number): readonly FrameFeatures[] | undefined {
  try {
    return db.pageFeatures(id);
  } catch {
    return undefined;
  }
}
