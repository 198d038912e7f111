import fs from 'node:fs';
import { KEYED_DIGEST_BYTES } from '../../dedup/keyed-digest.js';
import { Arena } from '../../kernels/arena.js';
import { createYielder, throwIfAborted } from '../../page/sync.js';
import { bytesOfHex } from '../config.js';
import { Checks, checkPackHeader, PACK_HEADER_BYTES, packFileName } from '../format.js';
import { packPath } from '../pack-files.js';
import type { StoreContext } from '../store-context.js';
import type { CheckedFrame, CheckedStore } from './checked-store.js';
import type { DamagedPages } from './damaged-pages.js';

/** Check the records of frames, and the digests that lead to pages. */
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

/** Check that every page is found by its digest, and that no digest leads to another page. */
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

/** Check the records of features. A frame of them that is not there any more does no harm. */
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

/** Check the sizes and headers of packs, and that every frame is inside of its pack and alone there. */
export async function checkPacks(
  store: StoreContext,
  { frames }: CheckedStore,
  problems: string[],
  damage: DamagedPages,
): Promise<void> {
  const { db, dir, config } = store;
  const arena = new Arena();
  const checks = new Checks(arena, arena.kernels);
  await arena.allocate();
  const sizes = new Map<number, number>();
  for (const number of db.packNumbers()) {
    try {
      const { bytes } = db.pack(number)!;
      sizes.set(number, bytes);
      const path = packPath(dir, number);
      const file = fs.openSync(path, 'r');
      try {
        const { size } = fs.fstatSync(file);
        if (size < bytes) problems.push(`${packFileName(number)}: ${size} bytes, ${bytes} were committed`);
        const header = new Uint8Array(PACK_HEADER_BYTES);
        fs.readSync(file, header, 0, PACK_HEADER_BYTES, 0);
        checkPackHeader(checks, header, number, bytesOfHex(config.id), packFileName(number));
        sizes.set(number, Math.min(size, bytes));
      } finally {
        fs.closeSync(file);
      }
    } catch (cause) {
      problems.push(
        `${packFileName(number)}: ${(cause as Error).message.replace(`${packFileName(number)}: `, '')}`,
      );
    }
  }
  const ends = new Map<number, number>();
  const sorted = [...frames.values()].sort((a, b) => a.pack - b.pack || a.offset - b.offset);
  for (const { id, pack, offset, bytes } of sorted) {
    const from = ends.get(pack) ?? PACK_HEADER_BYTES;
    if (offset < from || offset + bytes > (sizes.get(pack) ?? 0)) {
      problems.push(
        `frame ${id}: bytes ${offset} … ${offset + bytes} of ${packFileName(pack)} are not its own`,
      );
      damage.addFrame(id);
    }
    ends.set(pack, offset + bytes);
  }
}
