import { KEYED_DIGEST_BYTES } from '../../dedup/keyed-digest.js';
import type { StoreDatabase } from '../database.js';

/** Database key: whether a page may be in two frames, after a repacking. Its digest refers to one of them. */
export const HAS_DUPLICATES = 'hasDuplicates';

/** Digests that one transaction changes. */
const MAX_WAITING = 65_536;

/**
 * Let the digest of every page in a live frame refer to a live frame, so that the other frames can be removed
 * with the digests that refer to them.
 */
export async function keepDigests(
  db: StoreDatabase,
  live: ReadonlySet<number>,
  yieldIfDue: () => Promise<void> | undefined,
): Promise<void> {
  if (!db.value<boolean>(HAS_DUPLICATES)) return;
  let waiting: { readonly digest: Uint8Array; readonly frame: number; readonly slot: number }[] = [];
  const flush = () => {
    db.transaction(() => {
      for (const { digest, frame, slot } of waiting) db.putPage(digest, frame, slot);
    });
    waiting = [];
  };
  for (const frame of live) {
    const digests = db.frame(frame)?.digests ?? new Uint8Array();
    for (let slot = 0; KEYED_DIGEST_BYTES * slot < digests.length; slot++) {
      const from = KEYED_DIGEST_BYTES * slot;
      const digest = digests.slice(from, from + KEYED_DIGEST_BYTES);
      const found = db.page(digest);
      if (!found || !live.has(found.frame)) waiting.push({ digest, frame, slot });
    }
    if (waiting.length >= MAX_WAITING) flush();
    await yieldIfDue();
  }
  if (waiting.length > 0) flush();
}
