import { KEYED_DIGEST_BYTES } from '../../dedup/keyed-digest.js';
import type { Kernels } from '../../kernels/kernels.js';
import { PageferryError } from '../../page/error.js';
import type { Checks, FrameHead } from '../format.js';
import { FRAME_CHECK_OFFSET, FRAME_HEAD_BYTES, MAX_ENCRYPTION_BYTES, writeFrameHead } from '../format.js';
import type { DeltaRef, FrameRecord } from '../frame-record.js';
import { MAX_FRAME_ID } from '../limits.js';
import { type FrameParts, PackWriter } from '../pack-writer.js';
import { FEATURES, type FrameFeatures } from '../page-features.js';
import type { StoreContext } from '../store-context.js';
import type { PackedFrame, PageBatch } from './batch.js';
import type { NewPages } from './new-pages.js';
import type { SimilarPages } from './similar-pages.js';

/** Database key of the id of the next frame. */
const NEXT_FRAME = 'nextFrame';

/** Return the bytes of space for an encrypted payload. */
export function encryptedCapacity(frameBytes: number): number {
  return 2 * frameBytes + 65536 + MAX_ENCRYPTION_BYTES;
}

/** Digests, deltas and features of the pages of one frame. */
interface FramePages {
  readonly digests: Uint8Array;
  readonly deltas: DeltaRef[];
  readonly features: Uint32Array;
}

/** Writes the frames of batches to packs, and records them in the database. */
export class FrameWriter {
  /** Bytes written. */
  bytes = 0;
  private readonly packs: PackWriter;
  /** Frames that are written and not recorded. */
  private readonly waiting = new Map<number, FrameRecord>();
  /** Features of the plain pages of these frames. */
  private features: FrameFeatures[] = [];
  private nextId: number;

  /** `encryptedSpace`: address of `encryptedCapacity` bytes. */
  constructor(
    private readonly store: StoreContext,
    private readonly memory: {
      readonly kernels: Kernels;
      readonly checks: Checks;
      readonly encryptedSpace: number;
    },
  ) {
    this.nextId = store.db.value<number>(NEXT_FRAME) ?? 1;
    this.packs = new PackWriter(store, memory.checks, true);
  }

  /** Return the record of a frame that is written and not recorded. */
  written(id: number): FrameRecord | undefined {
    return this.waiting.get(id);
  }

  /**
   * Write the frames of a packed batch, and set the places of its pages in `pages`. Pages without a base are
   * added to `similar`. @throws PageferryError `limit`, `io`
   */
  write(batch: PageBatch, pages: NewPages, similar?: SimilarPages): void {
    const firstId = this.nextId;
    const frames = batch.packedFrames();
    if (firstId + frames.length > MAX_FRAME_ID)
      throw new PageferryError(
        'limit',
        `the store has used all ${MAX_FRAME_ID} frame ids; create another one`,
      );
    this.nextId += frames.length;
    const framePages = pagesOfFrames(batch, frames);
    for (let page = 0; page < batch.count; page++)
      pages.place(batch.first + page, firstId + batch.frameOf(page), batch.slotOf(page));
    const written = frames.map((frame, i) => this.frameParts(firstId + i, frame));
    const places = this.packs.appendAll(written);
    for (const [i, { digests, deltas, features }] of framePages.entries()) {
      const id = firstId + i;
      const { bytes } = written[i]!;
      this.bytes += bytes;
      this.waiting.set(id, { ...places[i]!, bytes, digests, deltas });
      // All pages of a frame are plain, or all are deltas.
      if (!similar || deltas.length > 0) continue;
      similar.add({ frame: id, features });
      this.features.push({ frame: id, features });
    }
  }

  /** Store all written frames durably. @throws PageferryError `io` */
  sync(): Promise<void> {
    return this.packs.sync();
  }

  /** Record all written frames; within a transaction, after the packs were synced. */
  commit(): void {
    const { db } = this.store;
    this.packs.commit();
    for (const [id, record] of this.waiting) {
      db.putFrame(id, record);
      for (let slot = 0; KEYED_DIGEST_BYTES * slot < record.digests.length; slot++) {
        const from = KEYED_DIGEST_BYTES * slot;
        db.putPage(record.digests.subarray(from, from + KEYED_DIGEST_BYTES), id, slot);
      }
    }
    if (this.features.length > 0) db.putPageFeatures(this.features[0]!.frame, this.features);
    db.putValue(NEXT_FRAME, this.nextId);
  }

  /** Drop the recorded frames, after their transaction. */
  afterCommit(): void {
    this.waiting.clear();
    this.features = [];
  }

  /** Close the packs. The next writer removes the bytes that were not committed. */
  close(): void {
    this.packs.close();
  }

  /** Return the bytes of a frame; valid until the batch is used again. */
  private frameParts(id: number, frame: PackedFrame): FrameParts {
    const { kernels, checks, encryptedSpace } = this.memory;
    const cipher = this.store.secrets.frameCipher;
    const head = new Uint8Array(FRAME_HEAD_BYTES);
    const fields: FrameHead = { ...frame, id, payloadBytes: frame.bytes + cipher.overheadBytes };
    writeFrameHead(head, fields);
    const packed = kernels.bytes.subarray(frame.address, frame.address + frame.bytes);
    const payload = cipher.encrypt(head.subarray(0, FRAME_CHECK_OFFSET), packed);
    let { address } = frame;
    if (payload !== packed) {
      kernels.bytes.set(payload, encryptedSpace);
      address = encryptedSpace;
    }
    checks.writeFrame(head, address, payload.length);
    return { parts: [head, payload], bytes: FRAME_HEAD_BYTES + payload.length };
  }
}

/** Return the pages of each frame of a packed batch. */
function pagesOfFrames(batch: PageBatch, frames: readonly PackedFrame[]): FramePages[] {
  const all = frames.map(({ slotCount }) => ({
    digests: new Uint8Array(KEYED_DIGEST_BYTES * slotCount),
    deltas: [] as DeltaRef[],
    features: new Uint32Array(FEATURES * slotCount),
  }));
  for (let page = 0; page < batch.count; page++) {
    const slot = batch.slotOf(page);
    const { digests, deltas, features } = all[batch.frameOf(page)]!;
    const from = KEYED_DIGEST_BYTES * page;
    digests.set(batch.digests.subarray(from, from + KEYED_DIGEST_BYTES), KEYED_DIGEST_BYTES * slot);
    const baseFrame = batch.baseFrameOf(page);
    if (baseFrame !== 0) deltas.push({ slot, baseFrame, baseSlot: batch.baseSlotOf(page) });
    else features.set(batch.features.subarray(FEATURES * page, FEATURES * (page + 1)), FEATURES * slot);
  }
  return all;
}
