import { MAX_CONTENT_BYTES } from '../../engine/page-frames/format.js';
import type { Kernels } from '../../kernels/kernels.js';
import type { FrameCipher } from '../encryption/frame-cipher.js';
import { type Checks, FRAME_HEAD_BYTES, readFrameHead } from '../format.js';
import type { PackFiles } from '../pack-files.js';
import type { PageBatch } from './batch.js';
import type { FrameRecords } from './parent-pages.js';

/** Reads the frames of base pages into batches. */
export class BaseFrames {
  private readonly head = new Uint8Array(FRAME_HEAD_BYTES);

  constructor(
    private readonly context: {
      readonly kernels: Kernels;
      readonly packs: PackFiles;
      readonly records: FrameRecords;
      readonly checks: Checks;
      readonly cipher: FrameCipher;
    },
  ) {}

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

  /** As `use`, for a page that is not a delta. */
  usePlain(batch: PageBatch, frame: number, slot: number): void {
    if (batch.hasBase(frame) || this.read(batch, frame)) batch.addLink(frame, slot);
  }

  private read(batch: PageBatch, frame: number): boolean {
    const { kernels, packs, records, checks, cipher } = this.context;
    const record = records.get(frame);
    const payloadBytes = (record?.bytes ?? 0) - FRAME_HEAD_BYTES;
    if (!record || payloadBytes <= 0 || payloadBytes > 2 * MAX_CONTENT_BYTES) return false;
    const address = batch.baseSpace(payloadBytes);
    if (address === undefined) return false;
    try {
      packs.read(record.pack, record.offset, this.head, 0, FRAME_HEAD_BYTES);
      const head = readFrameHead(this.head);
      if (head?.id !== frame || head.payloadBytes !== payloadBytes) return false;
      packs.read(record.pack, record.offset + FRAME_HEAD_BYTES, kernels.bytes, address, payloadBytes);
      if (!checks.isFrame(this.head, address, payloadBytes)) return false;
      const stored = kernels.bytes.subarray(address, address + payloadBytes);
      const payload = cipher.decrypt(this.head.subarray(0, FRAME_HEAD_BYTES - 8), stored);
      if (payload !== stored) kernels.bytes.set(payload, address);
      batch.addBase(frame, head, payload.length);
      return true;
    } catch {
      return false; // `check` names the damage
    }
  }
}
