import fs from 'node:fs';
import { databaseFile } from './database-file.js';
import type { StoreContext } from './store-context.js';
import { interruptedBytes } from './uncommitted.js';

/** Totals of a store. */
export interface StoreStats {
  readonly snapshots: number;
  /** Bytes of all snapshots. */
  readonly bytes: number;
  readonly frames: number;
  /** Pages that can be found by their digests. */
  readonly pages: number;
  readonly packs: number;
  /** Committed bytes of the pack files, and bytes of the database. */
  readonly packBytes: number;
  readonly databaseBytes: number;
  /** Further bytes of pack files, which killed writers have left; the next writer removes them. */
  readonly interruptedBytes: number;
}

/** Return the totals of a store. @throws PageferryError `bad-stream` */
export function storeStats(store: StoreContext): StoreStats {
  const { db, dir } = store;
  db.refresh();
  const names = db.snapshotNames();
  const packs = db.packNumbers();
  return {
    snapshots: names.length,
    bytes: names.reduce((sum, name) => sum + db.snapshot(name)!.bytes, 0),
    frames: db.frameCount,
    pages: db.pageCount,
    packs: packs.length,
    packBytes: packs.reduce((sum, number) => sum + db.pack(number)!.bytes, 0),
    databaseBytes: fs.statSync(databaseFile(dir)).size,
    interruptedBytes: interruptedBytes(store),
  };
}
