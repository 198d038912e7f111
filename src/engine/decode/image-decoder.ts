import type { CodecContext } from '../../codec/codec.js';
import { type Codec, type CodecName, codecByWireId, type PackingName } from '../../codec/registry.js';
import { statusText } from '../../kernels/status.js';
import { PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
import { throwIfAborted } from '../../page/sync.js';
import type { FrameHead, ImageRecord } from '../../stream/format.js';
import { CHUNK_BYTES } from '../frame/chunk.js';
import type { CodecCounts } from '../frame/counters.js';
import type { DecodeMeter } from '../threads/decode-meter.js';
import { EXTENT } from '../threads/extents.js';
import type { Threads } from '../threads/threads.js';
import type { DigestContext } from './base-digest.js';
import type { DecodeQueue } from './decode-queue.js';
import type { FrameSlot } from './frame-slots.js';

/** Maximum zero pages that are digested in one step, which takes about a millisecond. */
const MAX_STEP_PAGES = 2 ** 20;
/**
 * Maximum bytes of earlier pages that are read in one step. A sink may be slow to read back: that of
 * `verifyStream` decodes each page again.
 */
const MAX_STEP_BYTES = 256 << 10;

/** An image that pages can refer to: the one being decoded, an earlier one, or a base. */
export interface KnownImage {
  readonly record: ImageRecord;
  /** Bytes written so far, or the size of a base. */
  bytes: number;
  readonly readAt: (into: Uint8Array, position: number) => number;
}

/**
 * Called with a run of `pages` pages from `firstPage` on: their image's number, their codec and, if they have
 * bytes, the packing of their segment.
 */
export type PageObserver = (
  image: number,
  firstPage: number,
  pages: number,
  codec: CodecName,
  packing: PackingName | undefined,
) => void;

/** Context of decoding an image; the same for every image of a stream. */
export interface DecodeContext extends DigestContext {
  readonly codec: CodecContext;
  readonly threads: Threads;
  readonly meter: DecodeMeter;
  readonly images: readonly KnownImage[];
  readonly counts: CodecCounts;
  readonly onPages: PageObserver | undefined;
  /** Give other events a turn if the last one was some time ago. @throws the abort reason */
  yieldIfDue(): Promise<void> | undefined;
  readonly signal: AbortSignal;
}

/** Writes the pages of one image into its sink, frame by frame, and digests them. */
export class ImageDecoder {
  /** End of the frames that `follow` checked: page number, and bytes. */
  private framesEnd = 0;
  framesBytes = 0;
  /** Bytes of a shorter last page, once its frame was checked; else 0. */
  private partialBytes = 0;
  /** Number of the next page. */
  private page = 0;
  /** The frame being written; pages in its chunk, and how many of them are written. */
  private slot!: FrameSlot;
  private chunkPages = 0;
  private writtenPages = 0;
  /** Bytes of the chunk's pages that are not written yet. */
  private pendingBytes = 0;

  constructor(
    private readonly context: DecodeContext,
    readonly image: KnownImage,
    private readonly sink: PageSink,
    private readonly queue: Pick<DecodeQueue, 'isReady'>,
  ) {
    context.digest.start();
  }

  /** Check that a frame follows the previous one. @throws PageferryError `bad-stream` */
  follow(head: FrameHead, label: string): void {
    const { pageBytes } = this.context;
    const { firstPage, pageCount, lastPageBytes } = head;
    const bad = (found: string) => new PageferryError('bad-stream', `${label}: ${found}`);
    if (firstPage !== this.framesEnd) throw bad(`begins at page ${firstPage}, expected ${this.framesEnd}`);
    if (this.partialBytes !== 0)
      throw bad(`follows the image's last page, which has ${this.partialBytes} bytes`);
    if (!(lastPageBytes >= 1 && lastPageBytes <= pageBytes))
      throw bad(`last page of ${lastPageBytes} bytes, expected 1 … ${pageBytes}`);
    const end = (firstPage + pageCount - 1) * pageBytes + lastPageBytes;
    const announced = this.image.record.bytes;
    if (announced !== undefined && end > announced)
      throw bad(`reaches byte ${end}, the image has ${announced}`);
    if (lastPageBytes < pageBytes) this.partialBytes = lastPageBytes;
    this.framesEnd = firstPage + pageCount;
    this.framesBytes = end;
  }

  /** Write a frame's pages, part by part. @throws PageferryError; the error of the sink */
  async writeFrame(slot: FrameSlot): Promise<void> {
    const { threads, signal, meter, pageBytes } = this.context;
    const { pageCount, lastPageBytes } = slot.head;
    this.slot = slot;
    for (;;) {
      await this.queue.isReady(slot);
      throwIfAborted(signal);
      meter.add(slot.costs);
      meter.start();
      this.chunkPages = 0;
      this.writtenPages = 0;
      const { pagesLeft, extentCount } = slot.result;
      const isLast = slot.failure === undefined && pagesLeft === 0;
      for (let i = 0; i < extentCount; i++) await this.writeExtent(i, isLast && i === extentCount - 1);
      this.flush();
      meter.decoded(isLast ? (pageCount - 1) * pageBytes + lastPageBytes : 0);
      if (slot.failure !== undefined) throw slot.failure;
      if (isLast) return;
      slot.start(threads);
    }
  }

  /** Write the pages of extent `index`. `isLast`: it ends the frame. */
  private async writeExtent(index: number, isLast: boolean): Promise<void> {
    const { context, slot } = this;
    const codec = codecByWireId(slot.extents.get(index, EXTENT.CODEC));
    const pages = slot.extents.get(index, EXTENT.PAGES);
    const lastBytes = isLast ? slot.head.lastPageBytes : context.pageBytes;
    context.counts[codec.name].pages += pages;
    if (context.onPages) this.report(context.onPages, codec, pages, slot.extents.get(index, EXTENT.SEGMENT));
    if (codec.name === 'zero') await this.writeZeros(pages, lastBytes);
    else if (codec.base !== 'none' || codec.operands.reference)
      await this.writeReferences(codec, index, pages, lastBytes);
    else {
      const address = slot.extents.get(index, EXTENT.CODED);
      if (address !== 0) this.flush();
      this.endPages(pages, lastBytes);
      if (address !== 0) this.write(address);
    }
  }

  private report(observe: PageObserver, codec: Codec, pages: number, segment: number): void {
    const packed = codec.operands.bytes ? this.slot.head.segments[segment] : undefined;
    const packing = packed && (codecByWireId(packed.packing).name as PackingName);
    observe(this.image.record.image, this.page, pages, codec.name, packing);
  }

  private async writeZeros(run: number, lastBytes: number): Promise<void> {
    this.flush();
    const { pageBytes, yieldIfDue, signal } = this.context;
    for (let left = run; left > 0; ) {
      const pages = Math.min(left, MAX_STEP_PAGES);
      left -= pages;
      const lastOfStep = left === 0 ? lastBytes : pageBytes;
      this.digestZeros(pages, lastOfStep);
      const bytes = (pages - 1) * pageBytes + lastOfStep;
      // At most a chunk at a time: a pipe takes every byte before `zero` returns.
      for (let done = 0; done < bytes; done += CHUNK_BYTES) {
        const count = Math.min(CHUNK_BYTES, bytes - done);
        throwIfAborted(signal); // an earlier call of the sink may have aborted the decoder
        this.sink.zero(this.image.bytes, count);
        this.image.bytes += count;
        await yieldIfDue();
      }
    }
    this.page += run;
  }

  private digestZeros(run: number, lastBytes: number): void {
    const { pageBytes, digest, kernels, digests, chunk } = this.context;
    digest.addRepeated(digest.zeroPageDigest, lastBytes === pageBytes ? run : run - 1);
    if (lastBytes === pageBytes) return;
    kernels.bytes.fill(0, chunk, chunk + lastBytes);
    kernels.run.hash128(chunk, lastBytes, 0, 0, digests);
    digest.add(digests, 1);
  }

  /** Read the pages that an extent refers to, apply their deltas, and hash them. */
  private async writeReferences(codec: Codec, index: number, run: number, lastBytes: number): Promise<void> {
    const { context, slot } = this;
    const { pageBytes } = context;
    const isParent = codec.base === 'parent';
    const { parent } = this.image.record;
    if (isParent && parent === undefined) throw this.bad(`${codec.name}, but its image has no parent`);
    const image = isParent ? parent! : slot.extents.get(index, EXTENT.IMAGE);
    const other = isParent ? this.page : slot.extents.get(index, EXTENT.PAGE);
    for (let done = 0; done < run; ) {
      const maxPages = Math.min(run - done, MAX_STEP_BYTES / pageBytes);
      const pages = this.pagesBefore(image, other + done, maxPages);
      const last = done + pages === run ? lastBytes : pageBytes;
      this.readEarlier(image, other + done, (pages - 1) * pageBytes + last);
      if (codec.operands.bytes) this.decode(codec, index, last);
      this.hash(pages, last);
      this.endPages(pages, last);
      done += pages;
      await context.yieldIfDue();
    }
  }

  /** Address of the next page in the chunk. */
  private get next(): number {
    return this.slot.chunk + this.chunkPages * this.context.pageBytes;
  }

  private decode(codec: Codec, index: number, bytes: number): void {
    const coded = this.slot.extents.get(index, EXTENT.CODED);
    const codedBytes = this.slot.extents.get(index, EXTENT.CODED_BYTES);
    const status = codec.decode!(this.context.codec, coded, codedBytes, this.next, bytes);
    if (status !== bytes) throw this.bad(`${codec.name} ${statusText(status)}`, this.slot.label);
  }

  private hash(pages: number, lastBytes: number): void {
    const { kernels, pageBytes } = this.context;
    for (let i = 0; i < pages; i++) {
      const digest = this.slot.digests + 16 * (this.chunkPages + i);
      kernels.run.hash128(this.next + i * pageBytes, i === pages - 1 ? lastBytes : pageBytes, 0, 0, digest);
    }
  }

  /** Return the number of pages, 1 … `maxPages`, that can be read at once from `page` on. */
  private pagesBefore(image: number, page: number, maxPages: number): number {
    const known = this.context.images[image];
    if (!known) return 1;
    const from = page * this.context.pageBytes;
    const isWritten = known !== this.image || from < known.bytes;
    const end = isWritten ? known.bytes : known.bytes + this.pendingBytes;
    return Math.max(1, Math.min(maxPages, Math.floor((end - from) / this.context.pageBytes)));
  }

  /** Copy `bytes` bytes from `page` of any earlier image to the next page in the chunk. */
  private readEarlier(image: number, page: number, bytes: number): void {
    const { images, kernels, pageBytes, signal } = this.context;
    const known = images[image];
    const from = page * pageBytes;
    const to = this.next;
    if (!known || from + bytes > known.bytes + (known === this.image ? this.pendingBytes : 0))
      throw this.bad(`refers to page ${page} of image ${image}, which is not before it`);
    if (known === this.image && from >= known.bytes) {
      const pending = this.slot.chunk + this.writtenPages * pageBytes;
      kernels.run.copyBytes(to, pending + from - known.bytes, bytes);
      return;
    }
    throwIfAborted(signal);
    const count = known.readAt(kernels.bytes.subarray(to, to + bytes), from);
    if (count !== bytes)
      throw new PageferryError('io', `image ${image}: expected ${bytes} bytes at ${from}, got ${count}`);
  }

  /** Count pages that are in the chunk; the last one has `lastBytes` bytes. */
  private endPages(pages: number, lastBytes: number): void {
    this.chunkPages += pages;
    this.pendingBytes += (pages - 1) * this.context.pageBytes + lastBytes;
    this.page += pages;
  }

  /** Write the pending pages of the chunk to the sink. */
  private flush(): void {
    if (this.pendingBytes > 0) this.write(this.slot.chunk + this.writtenPages * this.context.pageBytes);
  }

  /** Write the pending pages, which are at `from`, to the sink. */
  private write(from: number): void {
    const { pendingBytes, slot, writtenPages } = this;
    const { kernels, digest, signal } = this.context;
    throwIfAborted(signal);
    this.sink.write(kernels.bytes.subarray(from, from + pendingBytes), this.image.bytes);
    digest.add(slot.digests + 16 * writtenPages, this.chunkPages - writtenPages);
    this.image.bytes += pendingBytes;
    this.writtenPages = this.chunkPages;
    this.pendingBytes = 0;
  }

  private bad(found: string, label?: string): PageferryError {
    return new PageferryError(
      'bad-stream',
      `${label === undefined ? '' : `${label}: `}page ${this.page}: ${found}`,
    );
  }
}
