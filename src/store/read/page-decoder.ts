import { SLOT } from '../../engine/page-frames/format.js';
import { statusText } from '../../kernels/status.js';
import { PageferryError } from '../../page/error.js';
import type { FramePlace } from '../frame-record.js';
import type { FrameCache } from './frame-cache.js';
import { frameName } from './frame-reader.js';
import type { UnpackedFrame } from './frame-slots.js';

/** Returns the position of a frame. @throws PageferryError `bad-stream` when there is none */
export type FindFrame = (id: number) => FramePlace;

/** Decodes pages of frames: a page needs its frame, and one more if it is a delta. */
export class PageDecoder {
  constructor(
    private readonly cache: FrameCache,
    private readonly find: FindFrame,
    private readonly pageBytes: number,
  ) {}

  /**
   * Return a page's bytes, or those of several in consecutive slots, up to `pages`. They are valid until the
   * next call. @throws PageferryError that names the frame
   */
  decode(frame: number, slot: number, pages = 1): Uint8Array {
    const place = this.find(frame);
    const first = this.cache.get(frame, place);
    const { count, kinds, offsets, baseFrames, baseSlots } = first.slots;
    const kind = slot < count ? kinds[slot] : undefined;
    if (kind === SLOT.PLAIN) return this.plain(first, slot, pages);
    if (kind !== SLOT.DELTA) throw noPage(frame, place, slot);
    const baseFrame = baseFrames[slot]!;
    const basePlace = this.find(baseFrame);
    const base = baseFrame === frame ? first : this.cache.get(baseFrame, basePlace);
    const baseSlot = baseSlots[slot]!;
    if (baseSlot >= base.slots.count || base.slots.kinds[baseSlot] !== SLOT.PLAIN)
      throw noPage(baseFrame, basePlace, baseSlot);
    const { pageSpace, codec } = this.cache;
    const { run, bytes } = codec.kernels;
    run.copyBytes(pageSpace, base.content + base.slots.offsets[baseSlot]!, this.pageBytes);
    const coded = first.content + offsets[slot]!;
    const codedBytes = offsets[slot + 1]! - offsets[slot]!;
    const status = run.xbzrleDecode(coded, codedBytes, pageSpace, this.pageBytes);
    if (status < 0)
      throw new PageferryError(
        'bad-stream',
        `${frameName(frame, place)}: the delta of slot ${slot} ${statusText(status)}`,
      );
    return bytes.subarray(pageSpace, pageSpace + this.pageBytes);
  }

  private plain({ content, slots }: UnpackedFrame, slot: number, pages: number): Uint8Array {
    const last = Math.min(slot + pages, slots.count);
    let end = slot + 1;
    while (end < last && slots.kinds[end] === SLOT.PLAIN) end++;
    const at = content + slots.offsets[slot]!;
    return this.cache.codec.kernels.bytes.subarray(at, at + (end - slot) * this.pageBytes);
  }
}

function noPage(frame: number, place: FramePlace, slot: number): PageferryError {
  return new PageferryError('bad-stream', `${frameName(frame, place)}: slot ${slot} has no page`);
}
