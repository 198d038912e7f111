import { createYielder } from '../../page/sync.js';
import type { StoreDatabase } from '../database.js';
import { PACK_HEADER_BYTES } from '../format.js';
import type { StoreContext } from '../store-context.js';
import { liveFrames } from './live-frames.js';

/** A pack is rewritten when this share of its bytes is free. */
export const DEFAULT_FREE_SHARE = 0.2;

/** The frames of a pack. */
export interface PackFrames {
  readonly live: number[];
  readonly dead: number[];
  liveBytes: number;
}

/** Bytes of packs that no snapshot needs. */
export interface FreeSpace {
  readonly unusedBytes: number;
  /** Unused bytes of the packs that a collection with the default `freeShare` rewrites or removes. */
  readonly collectedBytes: number;
}

/** Return the live and dead frames of each pack, by pack number. */
export async function framesOfPacks(
  db: StoreDatabase,
  live: ReadonlySet<number>,
  yieldIfDue: () => Promise<void> | undefined,
): Promise<Map<number, PackFrames>> {
  const packs = new Map<number, PackFrames>(db.packNumbers().map((number) => [number, emptyPack()]));
  for (const id of db.frameIds()) {
    const record = db.frame(id);
    if (!record) continue; // another program has removed it
    const pack = packs.get(record.pack);
    if (!live.has(id)) {
      if (pack) pack.dead.push(id);
      else packs.set(record.pack, { ...emptyPack(), dead: [id] });
    } else if (pack) {
      pack.live.push(id);
      pack.liveBytes += record.bytes;
    }
    await yieldIfDue();
  }
  return packs;
}

function emptyPack(): PackFrames {
  return { live: [], dead: [], liveBytes: 0 };
}

/** Return the free bytes of a pack of `bytes`, and whether a collection rewrites it. */
export function freeBytesOf(
  bytes: number,
  { live, liveBytes }: PackFrames,
  freeShare: number,
): { readonly freeBytes: number; readonly isRewritten: boolean } {
  const freeBytes = bytes - PACK_HEADER_BYTES - liveBytes;
  return { freeBytes, isRewritten: freeBytes > 0 && (live.length === 0 || freeBytes > freeShare * bytes) };
}

/**
 * Return the bytes that a collection would free, without changing the store. They are inexact if another
 * program writes meanwhile.
 * @throws PageferryError `bad-stream` if a manifest is damaged
 */
export async function freeSpace({ db }: StoreContext): Promise<FreeSpace> {
  db.refresh();
  const yieldIfDue = createYielder();
  const packs = await framesOfPacks(db, await liveFrames(db, yieldIfDue), yieldIfDue);
  let [unusedBytes, collectedBytes] = [0, 0];
  for (const [number, frames] of packs) {
    const bytes = db.pack(number)?.bytes ?? 0;
    const { freeBytes, isRewritten } = freeBytesOf(bytes, frames, DEFAULT_FREE_SHARE);
    const freed = frames.live.length === 0 ? bytes : Math.max(0, freeBytes);
    unusedBytes += freed;
    if (isRewritten) collectedBytes += freed;
  }
  return { unusedBytes, collectedBytes };
}
