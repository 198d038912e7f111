import type { CodecContext } from '../../codec/codec.js';
import { SLOT, type SlotTable } from './format.js';
import {
  BASE,
  BASE_WORDS,
  LINK,
  LINK_WORDS,
  maxDeltaBytes,
  NONE,
  PACK_PAGES,
  PAGE,
  PAGE_WORDS,
} from './pack-pages-job.js';
import { unpackFrame } from './unpack-frame.js';

/**
 * Code each page of a job against its base pages and keep the smallest delta. Base frames are unpacked one
 * after the other. `at`: first word of the job.
 */
export function codeDeltas(codec: CodecContext, at: number): void {
  new DeltaCoder(codec, at).code();
}

class DeltaCoder {
  private readonly pages: number;
  private readonly pageCount: number;
  private readonly pageBytes: number;
  private readonly entries: number;
  private readonly links: number;
  private readonly content: number;
  private readonly capacity: number;
  private readonly deltas: number;
  private readonly maxBytes: number;
  /** Addresses of buffers: the delta that is tried, and the page that it decodes to. */
  private readonly trial: number;
  private readonly decoded: number;

  constructor(
    private readonly codec: CodecContext,
    private readonly at: number,
  ) {
    const { words } = codec.kernels;
    this.pages = words[at + PACK_PAGES.PAGES]!;
    this.pageCount = words[at + PACK_PAGES.PAGE_COUNT]!;
    this.pageBytes = words[at + PACK_PAGES.PAGE_BYTES]!;
    this.entries = words[at + PACK_PAGES.ENTRIES]! >>> 2;
    this.links = words[at + PACK_PAGES.LINKS]! >>> 2;
    this.content = words[at + PACK_PAGES.CONTENT]!;
    this.capacity = words[at + PACK_PAGES.FRAME_BYTES]! + this.pageBytes;
    this.deltas = words[at + PACK_PAGES.DELTAS]!;
    this.maxBytes = maxDeltaBytes(this.pageBytes);
    this.trial = this.deltas + this.pageCount * this.maxBytes;
    this.decoded = this.trial + this.maxBytes;
  }

  code(): void {
    const { words } = this.codec.kernels;
    for (let page = 0; page < this.pageCount; page++)
      words[this.entries + page * PAGE_WORDS + PAGE.DELTA] = 0;
    const bases = words[this.at + PACK_PAGES.BASES]! >>> 2;
    let badCount = 0;
    for (let i = 0; i < words[this.at + PACK_PAGES.BASE_COUNT]!; i++) {
      try {
        this.codeFrame(bases + i * BASE_WORDS);
      } catch {
        badCount++; // pages are stored without this base; `store check` reports the damage
      }
    }
    words[this.at + PACK_PAGES.BAD_BASES] = badCount;
  }

  private codeFrame(base: number): void {
    const { kernels, zstdDecodeScratch } = this.codec;
    const { words } = kernels;
    const payload = {
      address: words[base + BASE.ADDRESS]!,
      bytes: words[base + BASE.BYTES]!,
      slotCount: words[base + BASE.SLOT_COUNT]!,
      tableBytes: words[base + BASE.TABLE_BYTES]!,
      contentBytes: words[base + BASE.CONTENT_BYTES]!,
      packing: words[base + BASE.PACKING]!,
    };
    const { content, capacity, pageBytes } = this;
    const slots = unpackFrame(kernels, zstdDecodeScratch, payload, content, capacity, pageBytes, '');
    for (let link = words[base + BASE.FIRST_LINK]!; link !== NONE; ) {
      const at = this.links + link * LINK_WORDS;
      this.codePage(words[at + LINK.PAGE]!, words[base + BASE.ID]!, words[at + LINK.SLOT]!, slots);
      link = words[at + LINK.NEXT]!;
    }
  }

  /**
   * Code a page against a slot of the frame at `content`; keep the delta if it is the page's smallest so far.
   */
  private codePage(page: number, frame: number, slot: number, slots: SlotTable): void {
    if (slots.kinds[slot] !== SLOT.PLAIN) return;
    const { pageBytes, trial } = this;
    const { words, run } = this.codec.kernels;
    const entry = this.entries + page * PAGE_WORDS;
    const limit = words[entry + PAGE.DELTA] === 0 ? this.maxBytes : words[entry + PAGE.BYTES]! - 1;
    const from = this.content + slots.offsets[slot]!;
    const bytes = run.xbzrleEncode(from, this.pages + page * pageBytes, pageBytes, trial, limit);
    if (bytes <= 0 || !this.isExact(page, from, bytes)) return;
    const to = this.deltas + page * this.maxBytes;
    run.copyBytes(to, trial, bytes);
    words[entry + PAGE.DELTA] = to;
    words[entry + PAGE.BYTES] = bytes;
    words[entry + PAGE.BASE] = frame;
    words[entry + PAGE.BASE_SLOT] = slot;
  }

  /** Return whether the delta at `trial` decodes to the page, whose bytes are stored nowhere else. */
  private isExact(page: number, base: number, bytes: number): boolean {
    const { pageBytes, decoded } = this;
    const { run } = this.codec.kernels;
    run.copyBytes(decoded, base, pageBytes);
    return (
      run.xbzrleDecode(this.trial, bytes, decoded, pageBytes) === pageBytes &&
      run.pagesEqual(decoded, this.pages + page * pageBytes, pageBytes) === 1
    );
  }
}
