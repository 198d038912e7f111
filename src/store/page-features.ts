// Features of the plain pages of frames, by which `put` finds similar pages: one record a transaction of `put`.
//
//   record = page*
//   page   = u32(frame id) u8(slot) u32(feature)[4]
//
// A feature is the largest hash of the blocks of a quarter of the page (`assembly/dedup/sketch.ts`); 0: none.
import { PageferryError } from '../page/error.js';

/** Features of a page. */
export const FEATURES = 4;
export const PAGE_FEATURE_BYTES = 5 + 4 * FEATURES;

/** Collects the features of pages for a record. */
export class FeatureWriter {
  count = 0;
  /** Frame of the first page. */
  firstFrame = 0;
  private buffer = new Uint8Array(PAGE_FEATURE_BYTES);
  private view = new DataView(this.buffer.buffer);

  /** The record, valid until the next call. */
  get bytes(): Uint8Array {
    return this.buffer.subarray(0, PAGE_FEATURE_BYTES * this.count);
  }

  /** Add a page; its features are those from `features[from]` on. */
  add(frame: number, slot: number, features: Uint32Array, from: number): void {
    if (this.count === 0) this.firstFrame = frame;
    const at = PAGE_FEATURE_BYTES * this.count++;
    if (at === this.buffer.length) this.grow();
    const { view } = this;
    view.setUint32(at, frame, true);
    view.setUint8(at + 4, slot);
    for (let i = 0; i < FEATURES; i++) view.setUint32(at + 5 + 4 * i, features[from + i]!, true);
  }

  clear(): void {
    this.count = 0;
  }

  private grow(): void {
    const grown = new Uint8Array(2 * this.buffer.length);
    grown.set(this.buffer);
    this.buffer = grown;
    this.view = new DataView(grown.buffer);
  }
}

/** Return the number of pages of a record. @throws PageferryError `bad-stream` */
export function featurePages(id: number, record: Uint8Array): number {
  const pages = record.length / PAGE_FEATURE_BYTES;
  if (Number.isInteger(pages)) return pages;
  throw new PageferryError('bad-stream', `features ${id}: a record of ${record.length} bytes`);
}
