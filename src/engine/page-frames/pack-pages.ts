// The job that packs pages into frames. It codes a page against a base page where that saves enough, then
// packs frames of plain pages and frames of deltas.
import type { CodecContext } from '../../codec/codec.js';
import { WireWriter } from '../../stream/wire.js';
import { codeDeltas } from './delta-coder.js';
import { FRAME_PACKING, MAX_FRAME_SLOTS, SLOT } from './format.js';
import { FRAME, FRAME_WORDS, PACK_PAGES, PAGE, PAGE_WORDS, plainSlots } from './pack-pages-job.js';

/** Run the job whose first word is `at` (layout: `pack-pages-job.ts`). */
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
    codeDeltas(this.codec, this.at);
    this.packPlain();
    this.packDeltas();
    words[this.at + PACK_PAGES.FRAME_COUNT] = this.frameCount;
  }

  private entry(page: number): number {
    return this.entries + page * PAGE_WORDS;
  }

  /** Pack the pages without a delta, in frames of about equal size. */
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

  /** Pack the deltas, as many into each frame as fit. */
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

  /** Pack the content, `contentBytes` bytes, into the next frame, behind the table. */
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
