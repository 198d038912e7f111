import { type CodecName, codecByWireId, type PackingName } from '../../codec/registry.js';
import { PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
import type { FrameHead, ImageRecord } from '../../stream/format.js';
import type { TableEntry } from '../../stream/table.js';
import { CHUNK_BYTES } from '../frame/chunk.js';
import type { CodecCounts } from '../frame/counters.js';
import type { FrameDecoder } from '../frame/frame-decoder.js';
import type { DigestContext } from './base-digest.js';

/** Zero pages that are digested in one step; that takes about a millisecond. */
const MAX_STEP_PAGES = 2 ** 20;
/**
 * Bytes of earlier pages that are read in one step. A sink may have to decode each of them: `verifyStream`
 * reads them back from the packed file.
 */
const MAX_STEP_BYTES = 256 << 10;
/** Table entries that are decoded in one step. */
const MAX_STEP_ENTRIES = 64;

/** An image that pages can refer to: decoded before, or a base. */
export interface KnownImage {
  readonly record: ImageRecord;
  /** Bytes so far; pages at or past it cannot be referred to. */
  bytes: number;
  readonly readAt: (into: Uint8Array, position: number) => number;
}

/**
 * Called with `pages` pages from `firstPage` on: their codec and, where they have bytes, the packing of their
 * segment.
 */
export type PageObserver = (
  image: number,
  firstPage: number,
  pages: number,
  codec: CodecName,
  packing: PackingName | undefined,
) => void;

/** What decoding an image works with; the same for every image of a stream. */
export interface DecodeContext extends DigestContext {
  readonly frames: FrameDecoder;
  readonly images: readonly KnownImage[];
  readonly counts: CodecCounts;
  readonly onPages: PageObserver | undefined;
  /** Give other events a turn if the last one was some time ago. @throws the abort reason */
  yieldIfDue(): Promise<void> | undefined;
  readonly signal: AbortSignal;
}

/** Decodes the frames of one image, in order, into its sink. */
export class ImageDecoder {
  private nextPage = 0;
  private partialBytes = 0;
  /** Pages and bytes in the chunk that are not yet written to the sink. */
  private chunkPages = 0;
  private chunkBytes = 0;
  private readonly pagesPerChunk: number;
  private readonly pagesPerStep: number;

  constructor(
    private readonly context: DecodeContext,
    readonly image: KnownImage,
    private readonly sink: PageSink,
  ) {
    this.pagesPerChunk = CHUNK_BYTES / context.pageBytes;
    this.pagesPerStep = MAX_STEP_BYTES / context.pageBytes;
    context.digest.start();
  }

  /** Decode a frame's pages. @throws PageferryError */
  async frame(head: FrameHead, data: number, dataBytes: number, what: string): Promise<void> {
    const { context, image } = this;
    const { pageBytes, frames } = context;
    this.checkPosition(head, what);
    frames.open(head, data, dataBytes, image.record.parent ?? 0, what);
    const table = frames.table!;
    const partial = head.lastPageBytes < pageBytes ? head.lastPageBytes : 0;
    let left = head.pageCount;
    for (let entries = 1; left > 0; entries++) {
      // A small table can have many entries, of pages that repeat one byte.
      if (entries % MAX_STEP_ENTRIES === 0) await context.yieldIfDue();
      const entry = table.next();
      const { name } = entry.codec;
      const run = name === 'zero' || name === 'unchanged' ? Math.min(1 + table.sameRun(), left) : 1;
      table.skip(run - 1);
      left -= run;
      const lastBytes = left === 0 && partial !== 0 ? partial : pageBytes;
      context.counts[name].pages += run;
      if (context.onPages) this.report(context.onPages, entry, run, head);
      if (name === 'zero') {
        if (run > this.pagesPerChunk) await this.manyZeros(run, lastBytes);
        else this.zeros(run, lastBytes);
      } else if (name === 'unchanged') {
        if (run > this.pagesPerStep) await this.manyUnchanged(run, lastBytes);
        else this.unchanged(run, lastBytes);
      } else this.page(entry, lastBytes);
    }
    frames.close();
    if (partial !== 0) this.partialBytes = partial;
  }

  /** Write all decoded pages to the sink. */
  flush(): void {
    if (this.chunkPages === 0) return;
    const { kernels, chunk, digest, digests } = this.context;
    this.sink.write(kernels.bytes.subarray(chunk, chunk + this.chunkBytes), this.image.bytes);
    digest.add(digests, this.chunkPages);
    this.image.bytes += this.chunkBytes;
    this.chunkPages = 0;
    this.chunkBytes = 0;
  }

  private checkPosition(head: FrameHead, what: string): void {
    const { image } = this;
    const { pageBytes } = this.context;
    if (head.firstPage !== this.nextPage)
      throw new PageferryError(
        'bad-stream',
        `${what}: begins at page ${head.firstPage}, expected ${this.nextPage}`,
      );
    if (this.partialBytes !== 0)
      throw new PageferryError(
        'bad-stream',
        `${what}: follows the image's last page, which has ${this.partialBytes} bytes`,
      );
    if (!(head.lastPageBytes >= 1 && head.lastPageBytes <= pageBytes))
      throw new PageferryError(
        'bad-stream',
        `${what}: last page of ${head.lastPageBytes} bytes, expected 1 … ${pageBytes}`,
      );
    const end = (head.firstPage + head.pageCount - 1) * pageBytes + head.lastPageBytes;
    const announced = image.record.bytes;
    if (announced !== undefined && end > announced)
      throw new PageferryError('bad-stream', `${what}: reaches byte ${end}, the image has ${announced}`);
  }

  private report(
    observe: PageObserver,
    { codec, segment }: TableEntry,
    pages: number,
    { segments }: FrameHead,
  ): void {
    const packed = codec.operands.bytes ? segments[segment] : undefined;
    observe(
      this.image.record.image,
      this.nextPage,
      pages,
      codec.name,
      packed && (codecByWireId(packed.packing).name as PackingName),
    );
  }

  private async manyZeros(run: number, lastBytes: number): Promise<void> {
    const { pageBytes, yieldIfDue } = this.context;
    for (let left = run; left > 0; ) {
      const pages = Math.min(left, MAX_STEP_PAGES);
      left -= pages;
      const lastOfStep = left === 0 ? lastBytes : pageBytes;
      this.digestZeros(pages, lastOfStep);
      const bytes = (pages - 1) * pageBytes + lastOfStep;
      // No more at a time than of other pages: a pipe takes every byte before `zero` returns.
      for (let done = 0; done < bytes; done += CHUNK_BYTES) {
        this.storeZeros(Math.min(CHUNK_BYTES, bytes - done));
        await yieldIfDue();
      }
    }
  }

  private zeros(run: number, lastBytes: number): void {
    this.digestZeros(run, lastBytes);
    this.storeZeros((run - 1) * this.context.pageBytes + lastBytes);
  }

  private digestZeros(run: number, lastBytes: number): void {
    this.flush();
    const { pageBytes, digest, kernels, digests, chunk } = this.context;
    digest.addRepeated(digest.zeroPageDigest, lastBytes === pageBytes ? run : run - 1);
    if (lastBytes !== pageBytes) {
      kernels.bytes.fill(0, chunk, chunk + lastBytes);
      kernels.run.hash128(chunk, lastBytes, 0, 0, digests);
      digest.add(digests, 1);
    }
    this.nextPage += run;
  }

  private storeZeros(bytes: number): void {
    this.sink.zero(this.image.bytes, bytes);
    this.image.bytes += bytes;
  }

  private async manyUnchanged(run: number, lastBytes: number): Promise<void> {
    const { pagesPerStep } = this;
    const { pageBytes, yieldIfDue } = this.context;
    let left = run;
    for (; left > pagesPerStep; left -= pagesPerStep) {
      this.unchanged(pagesPerStep, pageBytes);
      await yieldIfDue();
    }
    this.unchanged(left, lastBytes);
  }

  /** Read pages of the parent, as many at once as fit into the chunk. */
  private unchanged(run: number, lastBytes: number): void {
    const { parent } = this.image.record;
    const { pageBytes } = this.context;
    if (parent === undefined)
      throw new PageferryError('bad-stream', `page ${this.nextPage}: unchanged, but its image has no parent`);
    for (let left = run; left > 0; ) {
      const at = this.nextAddress();
      const count = Math.min(left, this.pagesPerChunk - this.chunkPages);
      const bytes = left === count ? (count - 1) * pageBytes + lastBytes : count * pageBytes;
      this.readEarlier(parent, this.nextPage, at, bytes);
      left -= count;
      for (let i = 0; i < count; i++) this.endPage(i === count - 1 ? bytes - i * pageBytes : pageBytes);
    }
  }

  private page(entry: TableEntry, bytes: number): void {
    const { context } = this;
    const at = this.nextAddress();
    const { codec } = entry;
    const page = this.nextPage;
    if (codec.name === 'fill') context.kernels.bytes.fill(entry.fill, at, at + bytes);
    else if (codec.name === 'same-as') this.readEarlier(entry.image, entry.page, at, bytes);
    else {
      if (codec.base === 'reference') this.readEarlier(entry.image, entry.page, at, bytes);
      if (codec.base === 'parent') {
        const { parent } = this.image.record;
        if (parent === undefined)
          throw new PageferryError('bad-stream', `page ${page}: ${codec.name}, but its image has no parent`);
        this.readEarlier(parent, page, at, bytes);
      }
      context.frames.decodePage(entry, at, bytes, page);
    }
    this.endPage(bytes);
  }

  /** Copy `bytes` bytes of an earlier page, of any image, to `at`. */
  private readEarlier(image: number, page: number, at: number, bytes: number): void {
    const { context } = this;
    const { kernels, pageBytes } = context;
    const known = context.images[image];
    const from = page * pageBytes;
    if (!known || from + bytes > known.bytes + (known === this.image ? this.chunkBytes : 0))
      throw new PageferryError(
        'bad-stream',
        `page ${this.nextPage}: refers to page ${page} of image ${image}, which is not before it`,
      );
    if (known === this.image && from >= known.bytes) {
      const decoded = context.chunk + from - known.bytes;
      kernels.run.copyBytes(at, decoded, bytes);
      return;
    }
    const count = known.readAt(kernels.bytes.subarray(at, at + bytes), from);
    if (count !== bytes)
      throw new PageferryError('io', `image ${image}: expected ${bytes} bytes at ${from}, got ${count}`);
  }

  /** Return the address for the next page. */
  private nextAddress(): number {
    if (this.chunkPages === this.pagesPerChunk) this.flush();
    return this.context.chunk + this.chunkBytes;
  }

  /** Add the page at the end of the chunk, which is decoded, to the image. */
  private endPage(bytes: number): void {
    const { kernels, chunk, digests } = this.context;
    kernels.run.hash128(chunk + this.chunkBytes, bytes, 0, 0, digests + 16 * this.chunkPages);
    this.chunkPages++;
    this.chunkBytes += bytes;
    this.nextPage++;
  }
}
