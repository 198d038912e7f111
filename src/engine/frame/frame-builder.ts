import type { Codec } from '../../codec/registry.js';
import type { Slots } from '../../kernels/arena.js';
import { RECORD, type RecordType } from '../../stream/format.js';
import { recordSeed, writeFrameHead, writeRecordHead } from '../../stream/records.js';
import { WireWriter } from '../../stream/wire.js';
import { MAX_PIECE_BYTES } from '../pack/segment-memory.js';
import type { SegmentPacker } from '../pack/segment-packer.js';
import type { CodecCounts } from './counters.js';
import { FrameContent, type FrameTarget, type PageReference, type SegmentKind } from './frame-content.js';
import { type Alternative, FrameDraft } from './frame-draft.js';
import { type FrameContext, packContent } from './pack-content.js';
import { packDraft, TrialBuffers } from './pack-draft.js';

/** A frame is closed when its table reaches this size. */
export const TABLE_TARGET_BYTES = 1 << 20;
/**
 * Memory for coded forms of pages with an alternative, as a ratio of that for pages; one has up to 0.75 of
 * it.
 */
const ALTERNATIVE_SHARE = 0.5;

/** A packed frame, ready to be written. */
export interface PackedFrame {
  /** The frame's bytes, in order; valid until the frame is started again. */
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
  readonly counts: CodecCounts;
}

/** Memory with a count of the frames that refer to its pages; it is reused when the count is 0. */
export interface Holdable {
  hold(): void;
  release(): void;
}

/** Collects the pages of one frame, then packs them. Reused for every frame. */
export class FrameBuilder {
  pageCount = 0;
  /** Bytes of all segments; a page with an alternative counts once, uncompressed. */
  bytes = 0;
  private alternativeBytes = 0;
  private readonly maxAlternativeBytes: number;
  private readonly content: FrameContent;
  private readonly draft: FrameDraft | undefined;
  private readonly trial: TrialBuffers | undefined;
  private readonly target: FrameTarget;
  /** The memory that this frame holds. */
  private readonly held: Holdable[] = [];
  /** The frame head, and the record without its data. */
  private readonly head = new WireWriter();
  private readonly record = new WireWriter();
  private image = 0;
  private firstPage = 0;
  private parent = 0;

  /**
   * `capacity`: bytes of all segments; `mainKind`: gets most of the pages; `option`: the user's option that
   * sizes their memory. `draftedPageBytes`: page size for `addEither`; absent: it cannot be called.
   */
  constructor(
    slots: Slots,
    capacity: number,
    mainKind: SegmentKind,
    option?: string,
    private readonly draftedPageBytes?: number,
  ) {
    const alternativeBytes = draftedPageBytes === undefined ? 0 : capacity * ALTERNATIVE_SHARE;
    this.maxAlternativeBytes = alternativeBytes - (draftedPageBytes ?? 0);
    this.content = new FrameContent(slots, capacity, mainKind, option, alternativeBytes);
    if (draftedPageBytes !== undefined) {
      this.draft = new FrameDraft();
      this.trial = new TrialBuffers(slots, draftedPageBytes);
    }
    this.target = this.draft ?? this.content;
  }

  /** Whether pages can be added by `addEither`. */
  get isDraft(): boolean {
    return this.draft !== undefined;
  }

  /** Whether the memory for coded forms of pages with an alternative is used up. */
  get isFull(): boolean {
    return this.alternativeBytes > this.maxAlternativeBytes;
  }

  /** Approximate bytes of the table so far. */
  get tableBytes(): number {
    return this.target.tableBytes;
  }

  /** Upper bound on the bytes of all segments and the table, without the table's last run. */
  get maxBytes(): number {
    return this.bytes + this.target.maxTableBytes;
  }

  /** Begin a frame. `parent`: the image that its first reference is relative to. */
  start(image: number, firstPage: number, parent: number): void {
    this.image = image;
    this.firstPage = firstPage;
    this.parent = parent;
    this.pageCount = 0;
    this.bytes = 0;
    this.alternativeBytes = 0;
    this.content.clear();
    this.content.start(firstPage, parent);
    this.draft?.clear();
    this.release();
  }

  /** Release the memory that the frame holds. Its packed bytes are invalid from now on. */
  release(): void {
    for (const memory of this.held) memory.release();
    this.held.length = 0;
  }

  /** Return whether an earlier page is in this frame. */
  contains({ image, page }: PageReference): boolean {
    return image === this.image && page >= this.firstPage;
  }

  /** Add pages that have no bytes and no operands. */
  addRun(codec: Codec, pages = 1): void {
    this.pageCount += pages;
    this.target.run(codec, pages);
  }

  /** Add a page that repeats a byte. */
  addFill(codec: Codec, byte: number): void {
    this.pageCount++;
    this.target.fill(codec, byte);
  }

  /** Add a page that equals another one. */
  addReference(codec: Codec, to: PageReference): void {
    this.pageCount++;
    this.target.reference(codec, to);
  }

  /** Add uncompressed pages. `memory`: has their bytes and is held; absent: they are copied. */
  addRaw(kind: SegmentKind, address: number, bytes: number, memory?: Holdable, pages = 1): void {
    this.pageCount += pages;
    this.bytes += bytes;
    const pieceBytes = memory || pages === 1 ? bytes : pieceOf(bytes / pages);
    for (let done = 0; done < bytes; done += pieceBytes) {
      const piece = Math.min(pieceBytes, bytes - done);
      const at = this.place(kind, address + done, piece, memory);
      this.target.raw(kind, at, piece, (pages * piece) / bytes);
    }
  }

  /** Add a coded page, whose bytes are copied. */
  addCoded(kind: SegmentKind, codec: Codec, address: number, bytes: number, to: PageReference): void {
    this.pageCount++;
    this.bytes += bytes;
    this.target.coded(kind, codec, this.place(kind, address, bytes), bytes, to);
  }

  /** Add a page in two forms, coded and uncompressed; the form of fewer packed bytes is used. */
  addEither(codec: Codec, page: Alternative, to: PageReference, memory?: Holdable): void {
    this.pageCount++;
    this.bytes += this.draftedPageBytes!;
    this.alternativeBytes += page.bytes;
    const address = this.place('coded', page.address, page.bytes);
    const rawAddress = this.place('group', page.rawAddress, this.draftedPageBytes!, memory);
    const { bytes, pageClass } = page;
    this.draft!.either(codec, { address, bytes, rawAddress, pageClass }, to);
  }

  /** Pack the frame, record `ordinal`. The result is valid until `start` or `release`. */
  async pack(context: FrameContext, ordinal: number, lastPageBytes: number): Promise<PackedFrame> {
    const { image, firstPage, pageCount, content, bytes, draft, trial, draftedPageBytes: pageBytes } = this;
    const start = () => content.start(firstPage, this.parent);
    const packed =
      draft && trial && pageBytes
        ? await packDraft({ draft, content, trial, pageBytes, bytes, start }, context)
        : await packContent(content, context);
    const { head } = this;
    head.clear();
    writeFrameHead(head, { image, firstPage, pageCount, lastPageBytes, segments: packed.heads });
    const record = recordBytes(context.packer, RECORD.PAGES, ordinal, head.bytes, packed.bytes, this.record);
    return {
      parts: [record, ...packed.parts],
      bytes: record.length + packed.bytes,
      counts: packed.counts,
    };
  }

  /** Hold `memory`, or copy the bytes if it is absent; return the address of the bytes. */
  private place(kind: SegmentKind, address: number, bytes: number, memory?: Holdable): number {
    if (!memory) return this.content.buffers[kind].copy(address, bytes);
    if (this.held.at(-1) !== memory) {
      memory.hold();
      this.held.push(memory);
    }
    return address;
  }
}

/** Return the bytes of whole pages that are copied at once: at most MAX_PIECE_BYTES. */
function pieceOf(pageBytes: number): number {
  return Math.floor(MAX_PIECE_BYTES / pageBytes) * pageBytes;
}

/** Return a record without its data, that is the record head and the head. `record`: a buffer to reuse. */
export function recordBytes(
  packer: SegmentPacker,
  type: RecordType,
  ordinal: number,
  head: Uint8Array,
  dataBytes = 0,
  record = new WireWriter(),
): Uint8Array {
  const check = packer.checkOfBytes(head, recordSeed(type, ordinal, head.length, dataBytes));
  record.clear();
  writeRecordHead(record, { type, headBytes: head.length, dataBytes, check });
  record.put(head);
  return record.bytes;
}
