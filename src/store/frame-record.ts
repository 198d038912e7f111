// A frame's record in the database: its position, the digests of its pages and the bases of its deltas.
//
//   record = count(pack) count(offset) count(bytes) u8(slots) digest[16]*         one digest for each slot
//            u8(deltas) (u8(slot) count(base frame) u8(base slot))*  u32(check)
//
// `bytes` counts head and payload. The check is that of `recordCheck`.

import { KEYED_DIGEST_BYTES } from '../dedup/keyed-digest.js';
import { WireReader, WireWriter } from '../stream/wire.js';
import { recordCheck, withoutCheck } from './record-check.js';

/** Position of a frame in a pack. */
export interface FramePlace {
  readonly pack: number;
  readonly offset: number;
  /** Bytes of head and payload. */
  readonly bytes: number;
}

/** The base page of a delta. */
export interface DeltaRef {
  readonly slot: number;
  readonly baseFrame: number;
  readonly baseSlot: number;
}

/** A frame's record. */
export interface FrameRecord extends FramePlace {
  /** Digests of the pages, 16 bytes each. */
  readonly digests: Uint8Array;
  readonly deltas: readonly DeltaRef[];
}

/** Return the number of a frame's slots. */
function slotCountOf({ digests }: FrameRecord): number {
  return digests.length / KEYED_DIGEST_BYTES;
}

const writer = new WireWriter();

/** Encode a record. */
export function encodeFrameRecord(id: number, record: FrameRecord): Uint8Array {
  writer.clear();
  writer.count(record.pack);
  writer.count(record.offset);
  writer.count(record.bytes);
  writer.u8(slotCountOf(record));
  writer.put(record.digests);
  writer.u8(record.deltas.length);
  for (const { slot, baseFrame, baseSlot } of record.deltas) {
    writer.u8(slot);
    writer.count(baseFrame);
    writer.u8(baseSlot);
  }
  writer.u32(recordCheck(`frame ${id}`, writer.bytes));
  return writer.bytes.slice();
}

/** Parse a record. @throws PageferryError `bad-stream` that names the frame */
export function decodeFrameRecord(id: number, bytes: Uint8Array): FrameRecord {
  const reader = new WireReader(withoutCheck(`frame ${id}`, bytes), `frame ${id}: record`);
  const pack = reader.count();
  const offset = reader.count();
  const length = reader.count();
  const slots = reader.u8();
  const digests = reader.take(slots * KEYED_DIGEST_BYTES);
  const deltas: DeltaRef[] = [];
  for (let left = reader.u8(); left > 0; left--)
    deltas.push({ slot: reader.u8(), baseFrame: reader.count(), baseSlot: reader.u8() });
  reader.end();
  return { pack, offset, bytes: length, digests, deltas };
}
