import { KEYED_DIGEST_BYTES } from '../../dedup/keyed-digest.js';
import { createYielder, throwIfAborted } from '../../page/sync.js';
import type { StoreContext } from '../store-context.js';
import type { CheckedFrame, CheckedStore } from './checked-store.js';
import type { DamagedPages } from './damaged-pages.js';

/**
 * Check the records of frames and features, and the index of digests. Return the frames with intact records.
 */
export async function checkIndex(
  store: StoreContext,
  problems: string[],
  damage: DamagedPages,
  signal: AbortSignal | undefined,
): Promise<CheckedStore> {
  const { db } = store;
  const yieldIfDue = createYielder();
  const frames = new Map<number, CheckedFrame>();
  for (const id of db.frameIds()) {
    try {
      frames.set(id, { id, ...db.frame(id)! });
    } catch (cause) {
      problems.push((cause as Error).message);
      damage.addFrame(id);
    }
    await yieldIfDue();
    throwIfAborted(signal);
  }
  for (const { id, deltas } of frames.values()) {
    for (const { slot, baseFrame, baseSlot } of deltas) {
      const base = frames.get(baseFrame);
      const isPlain = base?.deltas.every((one) => one.slot !== baseSlot);
      if (base && isPlain && baseSlot * KEYED_DIGEST_BYTES < base.digests.length) continue;
      problems.push(
        `frame ${id}: the base of slot ${slot}, slot ${baseSlot} of frame ${baseFrame}, is no page`,
      );
      damage.addSlot(id, slot);
    }
    await yieldIfDue();
  }
  await checkDigests(store, frames, problems);
  checkFeatures(store, problems);
  return { frames, packCount: db.packNumbers().length };
}

/** Check that every page is found by its digest, and that every digest refers to a page with that digest. */
async function checkDigests(
  { db }: StoreContext,
  frames: ReadonlyMap<number, CheckedFrame>,
  problems: string[],
): Promise<void> {
  const yieldIfDue = createYielder();
  let missing = 0;
  let pages = 0;
  for (const { digests } of frames.values()) {
    for (let from = 0; from < digests.length; from += KEYED_DIGEST_BYTES) {
      const digest = digests.slice(from, from + KEYED_DIGEST_BYTES);
      const found = db.page(digest);
      const frame = found && frames.get(found.frame);
      pages++;
      if (!frame || !isAt(frame.digests, found.slot, digest)) missing++;
    }
    await yieldIfDue();
  }
  if (missing > 0) problems.push(`index: ${missing} of ${pages} pages are not found by their digests`);
  let wrong = 0;
  for (const digest of db.pageDigests()) {
    const found = db.page(digest);
    const frame = found && frames.get(found.frame);
    if (!frame || !isAt(frame.digests, found.slot, digest)) wrong++;
    await yieldIfDue();
  }
  if (wrong > 0) problems.push(`index: ${wrong} digests lead to no page`);
}

/** Check the records of features. A record may name a frame that was removed. */
function checkFeatures({ db }: StoreContext, problems: string[]): void {
  for (const id of db.featureIds()) {
    try {
      db.pageFeatures(id);
    } catch (cause) {
      problems.push(`${(cause as Error).message}; no snapshot needs it, and gc removes it`);
    }
  }
}

function isAt(digests: Uint8Array, slot: number, digest: Uint8Array): boolean {
  const from = slot * KEYED_DIGEST_BYTES;
  return digest.every((byte, i) => digests[from + i] === byte);
}
