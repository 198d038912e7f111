import { KEYED_DIGEST_BYTES } from '../../dedup/keyed-digest.js';
import { type FrameShape, MAX_CONTENT_BYTES } from '../../engine/page-frames/format.js';
import {
  BASE,
  BASE_WORDS,
  deltaCapacity,
  FRAME,
  FRAME_WORDS,
  frameCapacity,
  LINK,
  LINK_WORDS,
  MAX_PAGE_BASES,
  NONE,
  PACK_PAGES,
  PAGE,
  PAGE_WORDS,
  payloadCapacity,
} from '../../engine/page-frames/pack-pages-job.js';
import { beginJob, JOB_BYTES, JOB_KIND } from '../../engine/threads/job.js';
import type { Slots } from '../../kernels/arena.js';
import type { Kernels } from '../../kernels/kernels.js';
import { FEATURES } from '../page-features.js';

/** Bytes of the pages of a batch. */
const BATCH_BYTES = 1 << 20;
/** Frames of base pages, and the bytes of their payloads, that a batch can have. */
const MAX_BASES = 512;
const BASE_BUFFER_BYTES = 4 << 20;
/** Bytes that kernels may read after a payload. */
const SLACK_BYTES = 64;

/** A frame that a batch was packed into. */
export interface PackedFrame extends FrameShape {
  readonly address: number;
  readonly bytes: number;
}

/**
 * A batch of new pages that one job packs: copies of the pages, and the frames of their base pages. The
 * object is used for many batches.
 */
export class PageBatch {
  /** Pages in the batch. */
  count = 0;
  /** Number of the first page among all new pages of the put. */
  first = 0;
  /** Most pages of a batch. */
  readonly capacity: number;
  /** Address of the job. */
  readonly job: number;
  /** Digests of the pages. */
  readonly digests: Uint8Array;
  /** Features of the pages, which the caller of `add` writes. */
  readonly features: Uint32Array;
  private readonly kernels: Kernels;
  private readonly pages: number;
  private readonly entries: number;
  private readonly bases: number;
  private readonly links: number;
  private readonly payloads: number;
  private readonly deltas: number;
  private readonly content: number;
  private readonly output: number;
  private readonly frames: number;
  /** Numbers of base frames by their ids. */
  private readonly baseNumbers = new Map<number, number>();
  private payloadBytes = 0;
  private linkCount = 0;

  constructor(
    slots: Slots,
    private readonly pageBytes: number,
    private readonly frameBytes: number,
  ) {
    this.kernels = slots.kernels;
    this.capacity = BATCH_BYTES / pageBytes;
    this.digests = new Uint8Array(KEYED_DIGEST_BYTES * this.capacity);
    this.features = new Uint32Array(FEATURES * this.capacity);
    this.job = slots.slot('packing job', JOB_BYTES);
    this.pages = slots.slot('pages', BATCH_BYTES);
    this.entries = slots.slot('entries of pages', 4 * PAGE_WORDS * this.capacity);
    this.bases = slots.slot('entries of base frames', 4 * BASE_WORDS * MAX_BASES);
    this.links = slots.slot('links of base pages', 4 * LINK_WORDS * MAX_PAGE_BASES * this.capacity);
    this.payloads = slots.slot('payloads of base frames', BASE_BUFFER_BYTES);
    this.deltas = slots.slot('deltas', deltaCapacity(this.capacity, pageBytes));
    this.content = slots.slot('content of a frame', Math.min(MAX_CONTENT_BYTES, frameBytes + pageBytes));
    this.output = slots.slot('packed frames', payloadCapacity(this.capacity, pageBytes, frameBytes));
    this.frames = slots.slot(
      'entries of packed frames',
      4 * FRAME_WORDS * frameCapacity(this.capacity, pageBytes, frameBytes),
    );
  }

  get isFull(): boolean {
    return this.count === this.capacity;
  }

  /** Begin a batch whose first page is the new page number `first`. */
  clear(first: number): void {
    this.first = first;
    this.count = 0;
    this.payloadBytes = 0;
    this.linkCount = 0;
    this.baseNumbers.clear();
  }

  /** Add a copy of the page at `address`, whose digest is at `digest`. */
  add(address: number, digest: number): void {
    const { bytes, run } = this.kernels;
    const { pageBytes, count } = this;
    run.copyBytes(this.pages + count * pageBytes, address, pageBytes);
    this.digests.set(bytes.subarray(digest, digest + KEYED_DIGEST_BYTES), KEYED_DIGEST_BYTES * count);
    this.count++;
  }

  /** Whether the payload of a frame is in the batch. */
  hasBase(frame: number): boolean {
    return this.baseNumbers.has(frame);
  }

  /** Return the address for a payload of `bytes` bytes, or undefined if there is no space for it. */
  baseSpace(bytes: number): number | undefined {
    if (this.baseNumbers.size === MAX_BASES || this.payloadBytes + bytes + SLACK_BYTES > BASE_BUFFER_BYTES)
      return undefined;
    return this.payloads + this.payloadBytes;
  }

  /** Add the payload of a frame, which was written to `baseSpace`. */
  addBase(id: number, shape: FrameShape, bytes: number): void {
    const { words } = this.kernels;
    const number = this.baseNumbers.size;
    const at = (this.bases >>> 2) + number * BASE_WORDS;
    words[at + BASE.ID] = id;
    words[at + BASE.ADDRESS] = this.payloads + this.payloadBytes;
    words[at + BASE.BYTES] = bytes;
    words[at + BASE.SLOT_COUNT] = shape.slotCount;
    words[at + BASE.TABLE_BYTES] = shape.tableBytes;
    words[at + BASE.CONTENT_BYTES] = shape.contentBytes;
    words[at + BASE.PACKING] = shape.packing;
    words[at + BASE.FIRST_LINK] = NONE;
    this.baseNumbers.set(id, number);
    this.payloadBytes = Math.ceil((this.payloadBytes + bytes + SLACK_BYTES) / 64) * 64;
  }

  /**
   * Let the job try a delta of the page that was added last against the page at (frame, slot); `frame` is in
   * the batch. At most MAX_PAGE_BASES calls for each page.
   */
  addLink(frame: number, slot: number): void {
    const { words } = this.kernels;
    const base = (this.bases >>> 2) + this.baseNumbers.get(frame)! * BASE_WORDS;
    const link = (this.links >>> 2) + this.linkCount * LINK_WORDS;
    words[link + LINK.PAGE] = this.count - 1;
    words[link + LINK.SLOT] = slot;
    words[link + LINK.NEXT] = words[base + BASE.FIRST_LINK]!;
    words[base + BASE.FIRST_LINK] = this.linkCount++;
  }

  /** Whether the last call of `addLink` was for this page and the page that was added last. */
  isLastLink(frame: number, slot: number): boolean {
    const { words } = this.kernels;
    const number = this.baseNumbers.get(frame);
    if (number === undefined) return false;
    const first = words[(this.bases >>> 2) + number * BASE_WORDS + BASE.FIRST_LINK]!;
    if (first === NONE) return false;
    const link = (this.links >>> 2) + first * LINK_WORDS;
    return words[link + LINK.PAGE] === this.count - 1 && words[link + LINK.SLOT] === slot;
  }

  /** Prepare the job. */
  prepare(level: number): void {
    const { words } = this.kernels;
    const at = beginJob(words, this.job, JOB_KIND.PACK_PAGES, true);
    words[at + PACK_PAGES.PAGES] = this.pages;
    words[at + PACK_PAGES.PAGE_COUNT] = this.count;
    words[at + PACK_PAGES.PAGE_BYTES] = this.pageBytes;
    words[at + PACK_PAGES.ENTRIES] = this.entries;
    words[at + PACK_PAGES.BASES] = this.bases;
    words[at + PACK_PAGES.BASE_COUNT] = this.baseNumbers.size;
    words[at + PACK_PAGES.LINKS] = this.links;
    words[at + PACK_PAGES.DELTAS] = this.deltas;
    words[at + PACK_PAGES.CONTENT] = this.content;
    words[at + PACK_PAGES.OUTPUT] = this.output;
    words[at + PACK_PAGES.FRAME_BYTES] = this.frameBytes;
    words[at + PACK_PAGES.LEVEL] = level;
    words[at + PACK_PAGES.FRAMES] = this.frames;
  }

  /** Return the frames that the job has packed. */
  packedFrames(): PackedFrame[] {
    const { words } = this.kernels;
    return Array.from({ length: words[(this.job >>> 2) + PACK_PAGES.FRAME_COUNT]! }, (_, i) => {
      const at = (this.frames >>> 2) + FRAME_WORDS * i;
      return {
        address: words[at + FRAME.ADDRESS]!,
        bytes: words[at + FRAME.BYTES]!,
        slotCount: words[at + FRAME.SLOT_COUNT]!,
        tableBytes: words[at + FRAME.TABLE_BYTES]!,
        contentBytes: words[at + FRAME.CONTENT_BYTES]!,
        packing: words[at + FRAME.PACKING]!,
      };
    });
  }

  /** Return the frame that the job has packed a page into, as an index of `packedFrames`. */
  frameOf(page: number): number {
    return this.kernels.words[this.entry(page) + PAGE.FRAME]!;
  }

  /** Return the slot of a page in its frame. */
  slotOf(page: number): number {
    return this.kernels.words[this.entry(page) + PAGE.SLOT]!;
  }

  /** Return the id of the base page's frame; 0 if the page is not a delta. */
  baseFrameOf(page: number): number {
    const entry = this.entry(page);
    const { words } = this.kernels;
    return words[entry + PAGE.DELTA] === 0 ? 0 : words[entry + PAGE.BASE]!;
  }

  /** Return the slot of the base page in its frame. */
  baseSlotOf(page: number): number {
    return this.kernels.words[this.entry(page) + PAGE.BASE_SLOT]!;
  }

  private entry(page: number): number {
    return (this.entries >>> 2) + page * PAGE_WORDS;
  }
}
