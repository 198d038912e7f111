// The job that packs pages into frames: it unpacks the frames of their base pages, codes each page against
// its base where that saves enough, and packs frames of plain pages and frames of deltas.
import type { CodecContext } from '../../codec/codec.js';
import { WireWriter } from '../../stream/wire.js';
import { FRAME_PACKING, MAX_FRAME_SLOTS, MAX_FRAME_TABLE_BYTES, SLOT } from './format.js';
import { unpackFrame } from './unpack-frame.js';

/** Words of the job, from the first word of a job's arguments on. */
export const PACK_PAGES = {
  /** Address and number of the pages, which follow each other, and their size. */
  PAGES: 4,
  PAGE_COUNT: 5,
  PAGE_BYTES: 6,
  /** Address of PAGE_WORDS words a page. */
  ENTRIES: 7,
  /** Address and number of BASE_WORDS words for each frame that has base pages. */
  BASES: 8,
  BASE_COUNT: 9,
  /** Address of space for deltas: `deltaCapacity` bytes. */
  DELTAS: 10,
  /** Address of space for one content, of FRAME_BYTES and the slack of a slot. */
  CONTENT: 11,
  /** Address of the payloads, which the job writes: `payloadCapacity` bytes. */
  OUTPUT: 12,
  /** Most bytes of a frame's content, and the level of zstd. */
  FRAME_BYTES: 13,
  LEVEL: 14,
  /** Address of FRAME_WORDS words a frame, which the job writes, and their number. */
  FRAMES: 15,
  FRAME_COUNT: 16,
  /** Result: frames of base pages that could not be unpacked. */
  BAD_BASES: 17,
} as const;

/**
 * Words of a page: the next page with a base in the same frame, the slot of the base page in it; results:
 * number of the page's frame in the job, and its slot. While the job runs, DELTA is the address of its delta
 * or 0, and BYTES its bytes.
 */
export const PAGE = { NEXT: 0, BASE_SLOT: 1, FRAME: 2, SLOT: 3, DELTA: 4, BYTES: 5, BASE: 6 } as const;
export const PAGE_WORDS = 8;
/** No page, no base. */
export const NONE = 0xffffffff;

/** Words of a frame with base pages: its id, payload and shape, and the first page with a base in it. */
export const BASE = {
  ID: 0,
  ADDRESS: 1,
  BYTES: 2,
  SLOT_COUNT: 3,
  TABLE_BYTES: 4,
  CONTENT_BYTES: 5,
  PACKING: 6,
  FIRST_PAGE: 7,
} as const;
export const BASE_WORDS = 8;

/** Words of a packed frame. */
export const FRAME = {
  ADDRESS: 0,
  BYTES: 1,
  SLOT_COUNT: 2,
  TABLE_BYTES: 3,
  CONTENT_BYTES: 4,
  PACKING: 5,
} as const;
export const FRAME_WORDS = 6;

/** A delta is used up to this share of a page: a longer one saves little, and needs a second frame. */
const MAX_DELTA_SHARE = 0.5;

/** Return the bytes that the deltas of `pages` pages may take. */
export function deltaCapacity(pages: number, pageBytes: number): number {
  return pages * maxDeltaBytes(pageBytes);
}

/** Return the most frames that `pages` pages are packed into. */
export function frameCapacity(pages: number, pageBytes: number, frameBytes: number): number {
  const plain = Math.ceil(pages / plainSlots(pageBytes, frameBytes));
  // Of deltas, two frames have more than FRAME_BYTES together.
  return plain + 2 * Math.ceil(deltaCapacity(pages, pageBytes) / frameBytes) + 2;
}

/** Return the bytes that the payloads of `pages` pages may take. */
export function payloadCapacity(pages: number, pageBytes: number, frameBytes: number): number {
  return pages * pageBytes + frameCapacity(pages, pageBytes, frameBytes) * (MAX_FRAME_TABLE_BYTES + 64);
}

function maxDeltaBytes(pageBytes: number): number {
  return pageBytes * MAX_DELTA_SHARE;
}

function plainSlots(pageBytes: number, frameBytes: number): number {
  return Math.min(MAX_FRAME_SLOTS, Math.max(1, Math.floor(frameBytes / pageBytes)));
}

/** Run the job whose first word is `at`. */
export function packPages(codec: CodecContext, at: number): void {
  new PagePacker(codec, at).pack();
}

class PagePacker {
  private readonly pages: number;
  private readonly pageCount: number;
  private readonly pageBytes: number;
  private readonly entries: number;
  private readonly content: number;
  private readonly frameBytes: number;
  private readonly table = new WireWriter();
  private output: number;
  private frameCount = 0;

  constructor(
    private readonly codec: CodecContext,
    private readonly at: number,
  ) {
    const { words } = codec.kernels;
    this.pages = words[at + PACK_PAGES.PAGES]!;
    this.pageCount = words[at + PACK_PAGES.PAGE_COUNT]!;
    this.pageBytes = words[at + PACK_PAGES.PAGE_BYTES]!;
    this.entries = words[at + PACK_PAGES.ENTRIES]! >>> 2;
    this.content = words[at + PACK_PAGES.CONTENT]!;
    this.frameBytes = words[at + PACK_PAGES.FRAME_BYTES]!;
    this.output = words[at + PACK_PAGES.OUTPUT]!;
  }

  pack(): void {
    const { words } = this.codec.kernels;
    for (let page = 0; page < this.pageCount; page++) words[this.entry(page) + PAGE.DELTA] = 0;
    this.codeDeltas();
    this.packPlain();
    this.packDeltas();
    words[this.at + PACK_PAGES.FRAME_COUNT] = this.frameCount;
  }

  private entry(page: number): number {
    return this.entries + page * PAGE_WORDS;
  }

  /** Code the pages of every base frame, one frame after the other. */
  private codeDeltas(): void {
    const { words } = this.codec.kernels;
    const bases = words[this.at + PACK_PAGES.BASES]! >>> 2;
    let to = words[this.at + PACK_PAGES.DELTAS]!;
    let badCount = 0;
    for (let i = 0; i < words[this.at + PACK_PAGES.BASE_COUNT]!; i++) {
      try {
        to = this.codeFrame(bases + i * BASE_WORDS, to);
      } catch {
        badCount++; // its pages are stored without a base; `check` names the damage
      }
    }
    words[this.at + PACK_PAGES.BAD_BASES] = badCount;
  }

  private codeFrame(base: number, deltas: number): number {
    const { kernels, zstdDecodeScratch } = this.codec;
    const { words, run } = kernels;
    const { pageBytes, content } = this;
    const payload = {
      address: words[base + BASE.ADDRESS]!,
      bytes: words[base + BASE.BYTES]!,
      slotCount: words[base + BASE.SLOT_COUNT]!,
      tableBytes: words[base + BASE.TABLE_BYTES]!,
      contentBytes: words[base + BASE.CONTENT_BYTES]!,
      packing: words[base + BASE.PACKING]!,
    };
    const capacity = this.frameBytes + pageBytes;
    const slots = unpackFrame(kernels, zstdDecodeScratch, payload, content, capacity, pageBytes, '');
    const maxBytes = maxDeltaBytes(pageBytes);
    let to = deltas;
    for (let page = words[base + BASE.FIRST_PAGE]!; page !== NONE; ) {
      const entry = this.entry(page);
      const slot = words[entry + PAGE.BASE_SLOT]!;
      if (slots.kinds[slot] === SLOT.PLAIN) {
        const from = content + slots.offsets[slot]!;
        const bytes = run.xbzrleEncode(from, this.pages + page * pageBytes, pageBytes, to, maxBytes);
        if (bytes > 0) {
          words[entry + PAGE.DELTA] = to;
          words[entry + PAGE.BYTES] = bytes;
          words[entry + PAGE.BASE] = words[base + BASE.ID]!;
          to += bytes;
        }
      }
      page = words[entry + PAGE.NEXT]!;
    }
    return to;
  }

  /** Pack the pages without a delta, about as many into each frame. */
  private packPlain(): void {
    const { words, run } = this.codec.kernels;
    const { pageBytes } = this;
    let left = 0;
    for (let page = 0; page < this.pageCount; page++) if (words[this.entry(page) + PAGE.DELTA] === 0) left++;
    let frames = Math.ceil(left / plainSlots(pageBytes, this.frameBytes));
    let wanted = 0;
    let used = 0;
    for (let page = 0; page < this.pageCount; page++) {
      const entry = this.entry(page);
      if (words[entry + PAGE.DELTA] !== 0) continue;
      if (used === 0) wanted = Math.ceil(left / frames);
      words[entry + PAGE.FRAME] = this.frameCount;
      words[entry + PAGE.SLOT] = used;
      run.copyBytes(this.content + used * pageBytes, this.pages + page * pageBytes, pageBytes);
      this.table.u8(SLOT.PLAIN);
      used++;
      if (used < wanted) continue;
      this.packFrame(used, used * pageBytes);
      left -= used;
      frames--;
      used = 0;
    }
  }

  private packDeltas(): void {
    const { words, run } = this.codec.kernels;
    let used = 0;
    let bytes = 0;
    for (let page = 0; page < this.pageCount; page++) {
      const entry = this.entry(page);
      if (words[entry + PAGE.DELTA] === 0) continue;
      const length = words[entry + PAGE.BYTES]!;
      if (used === MAX_FRAME_SLOTS || (used > 0 && bytes + length > this.frameBytes)) {
        this.packFrame(used, bytes);
        used = 0;
        bytes = 0;
      }
      words[entry + PAGE.FRAME] = this.frameCount;
      words[entry + PAGE.SLOT] = used++;
      run.copyBytes(this.content + bytes, words[entry + PAGE.DELTA]!, length);
      bytes += length;
      this.table.u8(SLOT.DELTA);
      this.table.count(length);
      this.table.count(words[entry + PAGE.BASE]!);
      this.table.u8(words[entry + PAGE.BASE_SLOT]!);
    }
    if (used > 0) this.packFrame(used, bytes);
  }

  /** Pack `contentBytes` bytes of content and the table into the next frame. */
  private packFrame(slotCount: number, contentBytes: number): void {
    const { kernels, zstdScratch } = this.codec;
    const { words, bytes, run, zstd } = kernels;
    const tableBytes = this.table.length;
    bytes.set(this.table.bytes, this.output);
    this.table.clear();
    const data = this.output + tableBytes;
    const level = words[this.at + PACK_PAGES.LEVEL]!;
    let packing: number = FRAME_PACKING.ZSTD;
    let dataBytes = zstd.zstdEncode(
      this.content,
      contentBytes,
      data,
      contentBytes - 1,
      level,
      0,
      zstdScratch,
    );
    if (dataBytes <= 0) {
      packing = FRAME_PACKING.RAW;
      dataBytes = contentBytes;
      run.copyBytes(data, this.content, contentBytes);
    }
    const frame = (words[this.at + PACK_PAGES.FRAMES]! >>> 2) + FRAME_WORDS * this.frameCount++;
    words[frame + FRAME.ADDRESS] = this.output;
    words[frame + FRAME.BYTES] = tableBytes + dataBytes;
    words[frame + FRAME.SLOT_COUNT] = slotCount;
    words[frame + FRAME.TABLE_BYTES] = tableBytes;
    words[frame + FRAME.CONTENT_BYTES] = contentBytes;
    words[frame + FRAME.PACKING] = packing;
    this.output = (data + dataBytes + 63) & ~63;
  }
}
