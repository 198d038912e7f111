import fs from 'node:fs';
import { KEYED_DIGEST_BYTES } from '../../dedup/keyed-digest.js';
import { ioError } from '../../image/fs/errno.js';
import { Arena } from '../../kernels/arena.js';
import type { Kernels } from '../../kernels/kernels.js';
import { createYielder, throwIfAborted } from '../../page/sync.js';
import { Checks, MAX_PAYLOAD_BYTES } from '../format.js';
import type { FramePlace } from '../frame-record.js';
import type { WriterOptions } from '../options.js';
import { PackFiles, packPath } from '../pack-files.js';
import { PackWriter } from '../pack-writer.js';
import { SingleFrameReader } from '../read/single-frame.js';
import type { StoreContext } from '../store-context.js';
import { keepDigests } from './duplicates.js';
import { DEFAULT_FREE_SHARE, framesOfPacks, freeBytesOf, type PackFrames } from './free-space.js';
import { removeDeadFeatures } from './live-features.js';
import { liveFrames } from './live-frames.js';

/** Options of `Store.gc`. */
export interface GcOptions {
  /** Rewrite packs of which more than this share is free, 0 … 1; default 0.2. */
  readonly freeShare?: number;
}

/** Result of a garbage collection. */
export interface GcReport {
  readonly removedFrames: number;
  /** Bytes of pack files before and after. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Bytes of `bytesBefore` that killed writers had left. */
  readonly interruptedBytes: number;
  readonly removedPacks: number;
  /** Bytes that no snapshot needs, in packs whose free share is too small for them to be rewritten. */
  readonly unusedBytes: number;
  /** Packs that were not rewritten, because frames of them are damaged; `check` names the damage. */
  readonly damagedPacks: readonly number[];
}

/**
 * Remove the frames that no snapshot needs, and rewrite packs with much free space. Each pack is one
 * transaction: after a crash, the next collection continues with the remaining packs. `interruptedBytes`:
 * those of killed writers, which are removed already.
 * @throws PageferryError; the reason of `signal`
 */
export async function collectGarbage(
  store: StoreContext,
  { freeShare = DEFAULT_FREE_SHARE, signal }: GcOptions & WriterOptions,
  interruptedBytes: number,
): Promise<GcReport> {
  const { db } = store;
  const yieldIfDue = createYielder();
  const live = await liveFrames(db, yieldIfDue);
  await keepDigests(db, live, yieldIfDue);
  const packs = await framesOfPacks(db, live, yieldIfDue);
  const bytesBefore = totalBytes(store) + interruptedBytes;
  const mover = await FrameMover.create(store);
  const damagedPacks: number[] = [];
  let [removedFrames, removedPacks, unusedBytes] = [0, 0, 0];
  try {
    // Rewriting a pack needs space for its live frames first: on a full disk, other packs can make it.
    for (const [number, frames] of [...packs].sort(([, a], [, b]) => a.liveBytes - b.liveBytes)) {
      throwIfAborted(signal);
      removedFrames += frames.dead.length;
      const bytes = db.pack(number)?.bytes ?? 0;
      const { freeBytes, isRewritten } = freeBytesOf(bytes, frames, freeShare);
      if (isRewritten && (await mover.rewrite(number, frames, signal))) removedPacks++;
      else {
        if (isRewritten) damagedPacks.push(number);
        else unusedBytes += Math.max(0, freeBytes);
        db.transaction(() => removeFrames(store, frames.dead));
      }
    }
  } finally {
    mover.close();
  }
  await removeDeadFeatures(db, live, yieldIfDue);
  const bytesAfter = totalBytes(store);
  return {
    removedFrames,
    removedPacks,
    unusedBytes,
    bytesBefore,
    bytesAfter,
    interruptedBytes,
    damagedPacks,
  };
}

function totalBytes({ db }: StoreContext): number {
  return db.packNumbers().reduce((sum, number) => sum + db.pack(number)!.bytes, 0);
}

/** Remove the records of frames and the digests that lead to them; within a transaction. */
function removeFrames({ db }: StoreContext, ids: readonly number[]): void {
  for (const id of ids) {
    const record = db.frame(id);
    if (!record) continue;
    for (let from = 0; from < record.digests.length; from += KEYED_DIGEST_BYTES) {
      const digest = record.digests.slice(from, from + KEYED_DIGEST_BYTES);
      if (db.page(digest)?.frame === id) db.removePage(digest);
    }
    db.removeFrame(id);
  }
}

/** Copies frames to new packs. */
class FrameMover {
  private readonly reader: SingleFrameReader;
  private readonly writer: PackWriter;

  private constructor(
    private readonly store: StoreContext,
    private readonly kernels: Kernels,
    checks: Checks,
    /** Address of space for a payload. */
    private readonly space: number,
  ) {
    this.reader = new SingleFrameReader(kernels, checks);
    this.writer = new PackWriter(store, checks, false);
  }

  static async create(store: StoreContext): Promise<FrameMover> {
    const arena = new Arena();
    const checks = new Checks(arena, arena.kernels);
    const space = arena.slot('payload', MAX_PAYLOAD_BYTES);
    return new FrameMover(store, await arena.allocate(), checks, space);
  }

  /** Move the live frames of a pack and remove it. Returns false if a frame of it is damaged. */
  async rewrite(number: number, frames: PackFrames, signal: AbortSignal | undefined): Promise<boolean> {
    const { store, writer } = this;
    const { db, dir } = store;
    const moved = new Map<number, Pick<FramePlace, 'pack' | 'offset'>>();
    const files = new PackFiles(dir);
    const yieldIfDue = createYielder();
    try {
      for (const id of frames.live) {
        const place = this.copy(id, files);
        if (!place) return false;
        moved.set(id, place);
        await yieldIfDue();
        throwIfAborted(signal);
      }
    } finally {
      files.close();
    }
    await writer.sync();
    db.transaction(() => {
      for (const [id, place] of moved) db.putFrame(id, { ...db.frame(id)!, ...place });
      removeFrames(store, frames.dead);
      writer.commit();
      db.removePack(number);
    });
    const path = packPath(dir, number);
    try {
      fs.rmSync(path, { force: true });
    } catch (cause) {
      throw ioError(path, 'cannot remove', cause);
    }
    return true;
  }

  close(): void {
    this.writer.close();
  }

  /** Copy a frame to a new pack and return its position; undefined if it is damaged. */
  private copy(id: number, files: PackFiles): Pick<FramePlace, 'pack' | 'offset'> | undefined {
    const { kernels, space, reader } = this;
    const place = this.store.db.frame(id)!;
    let payloadBytes: number;
    try {
      payloadBytes = reader.read(files, id, place, space).payloadBytes;
    } catch {
      return undefined; // the pack is kept, and `check` names the damage
    }
    const payload = kernels.bytes.subarray(space, space + payloadBytes);
    return this.writer.append([reader.head, payload], place.bytes);
  }
}
