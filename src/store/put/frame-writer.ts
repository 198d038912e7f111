import { KEYED_DIGEST_BYTES } from '../../dedup/keyed-digest.js';
import type { Kernels } from '../../kernels/kernels.js';
import { PageferryError } from '../../page/error.js';
import type { StoreDatabase } from '../database.js';
import type { FrameCipher } from '../encryption/frame-cipher.js';
import type { Checks, FrameHead } from '../format.js';
import { FRAME_HEAD_BYTES, MAX_ENCRYPTION_BYTES, writeFrameHead } from '../format.js';
import type { DeltaRef, FrameRecord } from '../frame-record.js';
import { MAX_FRAME_ID } from '../limits.js';
import type { FrameParts, PackWriter } from '../pack-writer.js';
import { FEATURES, type FrameFeatures } from '../page-features.js';
import type { PackedFrame, PageBatch } from './batch.js';
import type { NewPages } from './new-pages.js';
import type { SimilarPages } from './similar-pages.js';

/** Database key of the id of the next frame. */
const NEXT_FRAME = 'nextFrame';

/** Bytes of space for an encrypted payload. */
export function encryptedCapacity(frameBytes: number): number {
  return 2 * frameBytes + 65536 + MAX_ENCRYPTION_BYTES;
}

/** Writes the frames of batches to packs, and records them in the database. */
export class FrameWriter {
  /** Bytes written. */
  bytes = 0;
  /** Frames that are written and not recorded. */
  private readonly waiting = new Map<number, FrameRecord>();
  /** Features of the plain pages of these frames. */
  private features: FrameFeatures[] = [];
  private nextId: number;

  constructor(
    private readonly context: {
      readonly kernels: Kernels;
      readonly db: StoreDatabase;
      readonly packs: PackWriter;
      readonly checks: Checks;
      readonly cipher: FrameCipher;
      /** Address of space for an encrypted payload. */
      readonly encryptedSpace: number;
    },
  ) {
    this.nextId = context.db.value<number>(NEXT_FRAME) ?? 1;
  }

  /** Return the record of a frame that is written and not recorded. */
  written(id: number): FrameRecord | undefined {
    return this.waiting.get(id);
  }

  /** Write the frames of a packed batch, and set the places of its pages. @throws PageferryError */
  write(batch: PageBatch, pages: NewPages, similar?: SimilarPages): void {
    const firstId = this.nextId;
    const frames = batch.packedFrames();
    if (firstId + frames.length > MAX_FRAME_ID)
      throw new PageferryError(
        'limit',
        `the store has used all ${MAX_FRAME_ID} frame ids; create another one`,
      );
    this.nextId += frames.length;
    const digests = frames.map(({ slotCount }) => new Uint8Array(KEYED_DIGEST_BYTES * slotCount));
    const deltas: DeltaRef[][] = frames.map(() => []);
    const features = frames.map(({ slotCount }) => new Uint32Array(FEATURES * slotCount));
    for (let page = 0; page < batch.count; page++) {
      const frame = batch.frameOf(page);
      const slot = batch.slotOf(page);
      const from = KEYED_DIGEST_BYTES * page;
      digests[frame]!.set(batch.digests.subarray(from, from + KEYED_DIGEST_BYTES), KEYED_DIGEST_BYTES * slot);
      const baseFrame = batch.baseFrameOf(page);
      if (baseFrame !== 0) deltas[frame]!.push({ slot, baseFrame, baseSlot: batch.baseSlotOf(page) });
      else if (similar) {
        const own = batch.features.subarray(FEATURES * page, FEATURES * (page + 1));
        features[frame]!.set(own, FEATURES * slot);
      }
      pages.place(batch.first + page, firstId + frame, slot);
    }
    const written = frames.map((frame, i) => this.frameParts(firstId + i, frame));
    const places = this.context.packs.appendAll(written);
    frames.forEach((_, i) => {
      const { bytes } = written[i]!;
      const { pack, offset } = places[i]!;
      this.bytes += bytes;
      this.waiting.set(firstId + i, { pack, offset, bytes, digests: digests[i]!, deltas: deltas[i]! });
      // A frame has plain pages or deltas.
      if (!similar || deltas[i]!.length > 0) return;
      const one = { frame: firstId + i, features: features[i]! };
      similar.add(one);
      this.features.push(one);
    });
  }

  /** Record all written frames; within a transaction, after the packs were synced. */
  commit(): void {
    const { db, packs } = this.context;
    packs.commit();
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

  /** Drop what was recorded, after its transaction. */
  committed(): void {
    this.waiting.clear();
    this.features = [];
  }

  /** The bytes of a frame; valid until the batch is used again. */
  private frameParts(id: number, frame: PackedFrame): FrameParts {
    const { kernels, checks, cipher, encryptedSpace } = this.context;
    const head = new Uint8Array(FRAME_HEAD_BYTES);
    const fields: FrameHead = { ...frame, id, payloadBytes: frame.bytes + cipher.overheadBytes };
    writeFrameHead(head, fields);
    const packed = kernels.bytes.subarray(frame.address, frame.address + frame.bytes);
    const payload = cipher.encrypt(head.subarray(0, FRAME_HEAD_BYTES - 8), packed);
    let { address } = frame;
    if (payload !== packed) {
      kernels.bytes.set(payload, encryptedSpace);
      address = encryptedSpace;
    }
    checks.writeFrame(head, address, payload.length);
    return { parts: [head, payload], bytes: FRAME_HEAD_BYTES + payload.length };
  }
}
