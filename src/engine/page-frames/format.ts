// A page frame: pages that are packed together, each alone or as changes against a page of another frame.
//
//   payload = table data
//   table   = slot*                                  one for each page, in order
//   slot    = 0                                      a page of its own
//           | 1 count(coded bytes) count(frame id) u8(slot)      XBZRLE against that page, which is of kind 0
//           | 2                                      a page that was dropped: no snapshot refers to it
//   data    = the slots' bytes one after the other, uncompressed or as one zstd frame
//
// `count` is ULEB128 (`WireReader.count`).
import { PageferryError } from '../../page/error.js';
import { type ErrorName, WireReader } from '../../stream/wire.js';

export const SLOT = { PLAIN: 0, DELTA: 1, DROPPED: 2 } as const;
export const FRAME_PACKING = { RAW: 0, ZSTD: 1 } as const;

/** Maximum number of slots (pages) of a frame: a slot's number is a byte. */
export const MAX_FRAME_SLOTS = 255;
/** Maximum bytes of a frame's content, uncompressed. */
export const MAX_CONTENT_BYTES = 1 << 20;
/** Maximum bytes of a table: a slot takes up to 11. */
export const MAX_FRAME_TABLE_BYTES = 11 * MAX_FRAME_SLOTS;

/** Fields of a frame that are stored apart from its payload. */
export interface FrameShape {
  readonly slotCount: number;
  readonly tableBytes: number;
  /** Bytes of the content, uncompressed. */
  readonly contentBytes: number;
  readonly packing: number;
}

/** Positions of a frame's slots in its content. An object can be reused for other frames. */
export class SlotTable {
  /** Number of slots; the arrays may be longer. */
  count = 0;
  kinds = new Uint8Array(0);
  /** First byte of each slot in the content, and the end of the last one. */
  offsets = new Uint32Array(1);
  /** Frame and slot of the base page of each delta. */
  baseFrames = new Uint32Array(0);
  baseSlots = new Uint8Array(0);

  /** Parse a frame's table. `label` names the frame in errors. @throws PageferryError `bad-stream` */
  parse(
    table: Uint8Array,
    { slotCount, contentBytes }: FrameShape,
    pageBytes: number,
    label: ErrorName,
  ): void {
    this.count = 0;
    if (this.kinds.length < slotCount) this.grow(slotCount);
    const reader = new WireReader(table, { toString: () => `${label}: table` });
    let offset = 0;
    for (let slot = 0; slot < slotCount; slot++) {
      const kind = reader.u8();
      if (kind > SLOT.DROPPED) throw reader.bad(`slot ${slot} of kind ${kind}`);
      this.kinds[slot] = kind;
      this.offsets[slot] = offset;
      if (kind === SLOT.PLAIN) offset += pageBytes;
      else if (kind === SLOT.DELTA) {
        offset += reader.count();
        this.baseFrames[slot] = reader.count();
        this.baseSlots[slot] = reader.u8();
      }
      if (offset > contentBytes)
        throw new PageferryError(
          'bad-stream',
          `${label}: slot ${slot} ends at byte ${offset} of ${contentBytes} bytes of content`,
        );
    }
    this.offsets[slotCount] = offset;
    reader.end();
    if (offset !== contentBytes)
      throw new PageferryError(
        'bad-stream',
        `${label}: slots of ${offset} bytes, content of ${contentBytes}`,
      );
    this.count = slotCount;
  }

  private grow(slotCount: number): void {
    this.kinds = new Uint8Array(slotCount);
    this.offsets = new Uint32Array(slotCount + 1);
    this.baseFrames = new Uint32Array(slotCount);
    this.baseSlots = new Uint8Array(slotCount);
  }
}
