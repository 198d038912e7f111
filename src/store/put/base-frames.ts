import type { Kernels } from '../../kernels/kernels.js';
import type { FrameCipher } from '../encryption/frame-cipher.js';
import { type Checks, FRAME_HEAD_BYTES } from '../format.js';
import type { FrameRecordCache } from '../frame-record-cache.js';
import type { PackFiles } from '../pack-files.js';
import { SingleFrameReader } from '../read/single-frame.js';
import type { PageBatch } from './batch.js';

/** Reads the frames of base pages into batches. */
export class BaseFrames {
  private readonly reader: SingleFrameReader;

  constructor(
    private readonly context: {
      readonly kernels: Kernels;
      readonly packs: PackFiles;
      readonly records: FrameRecordCache;
      readonly checks: Checks;
      readonly cipher: FrameCipher;
    },
  ) {
    this.reader = new SingleFrameReader(context.kernels, context.checks);
  }

  /**
   * Let the page that was added last to `batch` be coded against the page at (frame, slot), or against that
   * page's own base. A frame that is damaged, or for which the batch has no space, is not used.
   */
  use(batch: PageBatch, frame: number, slot: number): void {
    const record = this.context.records.get(frame);
    const delta = record?.deltas.find((one) => one.slot === slot);
    if (delta) this.usePlain(batch, delta.baseFrame, delta.baseSlot);
    else this.usePlain(batch, frame, slot);
  }

  /** The same for a page at (frame, slot) that is not a delta. */
  usePlain(batch: PageBatch, frame: number, slot: number): void {
    if (batch.hasBase(frame) || this.read(batch, frame)) batch.addLink(frame, slot);
  }

  private read(batch: PageBatch, frame: number): boolean {
    const { packs, records, cipher } = this.context;
    const record = records.get(frame);
    const payloadBytes = (record?.bytes ?? 0) - FRAME_HEAD_BYTES;
    const address = batch.baseSpace(payloadBytes);
    if (!record || address === undefined) return false;
    try {
      const head = this.reader.read(packs, frame, record, address);
      batch.addBase(frame, head, this.reader.decrypt(cipher, address, payloadBytes));
      return true;
    } catch {
      return false; // `check` names the damage
    }
  }
}
