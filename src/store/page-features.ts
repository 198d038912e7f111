// Features of the plain pages of frames: `put` searches them for similar pages. Each transaction of a put
// adds one record.
//
//   record   = frame* check[4]
//   frame    = u32(frame id) u8(pages) features*       those of slots 0, 1, ...; all pages of it are plain
//   features = u32[4]
//
// A feature is the largest hash of the blocks of a quarter of the page (`assembly/dedup/sketch.ts`); 0: none.
import { WireReader, WireWriter } from '../stream/wire.js';
import { withCheck, withoutCheck } from './record-check.js';

/** Number of features of a page. */
export const FEATURES = 4;

/** The features of the pages of a frame. */
export interface FrameFeatures {
  readonly frame: number;
  /** FEATURES numbers for each page, in the order of the slots. */
  readonly features: Uint32Array;
}

/** Return the record of some frames, the first of which is `id`. */
export function encodePageFeatures(id: number, frames: readonly FrameFeatures[]): Uint8Array {
  const writer = new WireWriter();
  for (const { frame, features } of frames) {
    writer.u32(frame);
    writer.u8(features.length / FEATURES);
    for (const feature of features) writer.u32(feature);
  }
  return withCheck(`features ${id}`, writer.bytes);
}

/** Parse the record whose first frame is `id`. @throws PageferryError `bad-stream` */
export function decodePageFeatures(id: number, record: Uint8Array): readonly FrameFeatures[] {
  const bytes = withoutCheck(`features ${id}`, record);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const reader = new WireReader(bytes, `features ${id}`);
  const frames: FrameFeatures[] = [];
  const all = new Uint32Array(bytes.length / 4);
  for (let first = 0; reader.left > 0; ) {
    const frame = reader.u32();
    const count = FEATURES * reader.u8();
    const at = bytes.length - reader.left;
    reader.take(4 * count);
    for (let i = 0; i < count; i++) all[first + i] = view.getUint32(at + 4 * i, true);
    frames.push({ frame, features: all.subarray(first, first + count) });
    first += count;
  }
  return frames;
}
