import { type CodecName, codecByWireId, type PackingName } from '../../codec/registry.js';
import type { ImageDigest } from '../../dedup/image-digest.js';
import type { Kernels } from '../../kernels/kernels.js';
import { PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
import type { FrameHead, ImageRecord } from '../../stream/format.js';
import type { TableEntry } from '../../stream/table.js';
import { CHUNK_BYTES } from '../frame/chunk.js';
import type { CodecCounts } from '../frame/counters.js';
import type { FrameDecoder } from '../frame/frame-decoder.js';

/** An image that pages can refer to: written before, or held by this side from the start. */
export interface KnownImage {
  readonly record: ImageRecord;
  /** Bytes so far; pages at or past it cannot be referred to. */
  bytes: number;
  readonly readAt: (into: Uint8Array, position: number) => number;
}

/** Told of `pages` pages from `firstPage` on: their codec and, where they have bytes, what packed their segment. */
export type PageObserver = (
  image: number,
  firstPage: number,
  pages: number,
  codec: CodecName,
  packing: PackingName | undefined,
) => void;

/** What decoding an image works with; the same for every image of a stream. */
export interface DecodeContext {
  readonly kernels: Kernels;
  readonly pageBytes: number;
  readonly frames: FrameDecoder;
  readonly digest: ImageDigest;
  readonly images: readonly KnownImage[];
  /** Room for a chunk of pages, for their digests, and as many digests of zero pages. */
  readonly chunk: number;
  readonly digests: number;
  readonly zeroDigests: number;
  readonly counts: CodecCounts;
  readonly observe: PageObserver | undefined;
}

/** Decodes the frames of one image, in order, into its sink. */
export class ImageDecoder {
  private nextPage = 0;
  private partialBytes = 0;
  /** Pages that stand in the chunk, not yet in the sink. */
  private held = 0;
  private heldBytes = 0;

  constructor(
    private readonly context: DecodeContext,
    readonly image: KnownImage,
    readonly sink: PageSink,
  ) {
    context.digest.start();
  }

  /** Decodes a frame's pages. @throws PageferryError */
  frame(head: FrameHead, data: number, dataBytes: number, what: string): void {
    const { context, image } = this;
    const { pageBytes, frames } = context;
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
    frames.open(head, data, dataBytes, image.record.parent ?? 0, what);
    const table = frames.table!;
    const partial = head.lastPageBytes < pageBytes ? head.lastPageBytes : 0;
    let left = head.pageCount;
    while (left > 0) {
      const entry = table.next();
      const { name } = entry.codec;
      const run = name === 'zero' || name === 'unchanged' ? Math.min(1 + table.sameRun(), left) : 1;
      table.skip(run - 1);
      left -= run;
      const lastBytes = left === 0 && partial !== 0 ? partial : pageBytes;
      context.counts[name].pages += run;
      if (context.observe) this.tell(context.observe, entry, run, head);
      if (name === 'zero') this.zeros(run, lastBytes);
      else if (name === 'unchanged') this.unchanged(run, lastBytes);
      else this.page(entry, lastBytes);
    }
    frames.close();
    if (partial !== 0) this.partialBytes = partial;
  }

  private tell(
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

  /** Everything goes to the sink; returns the image's bytes. */
  flush(): number {
    this.release();
    return this.image.bytes;
  }

  private zeros(run: number, lastBytes: number): void {
    this.release();
    const { pageBytes, digest, zeroDigests, kernels, digests, chunk } = this.context;
    const bytes = (run - 1) * pageBytes + lastBytes;
    const perChunk = CHUNK_BYTES / pageBytes;
    let whole = lastBytes === pageBytes ? run : run - 1;
    for (; whole > 0; whole -= perChunk) digest.add(zeroDigests, Math.min(whole, perChunk));
    if (lastBytes !== pageBytes) {
      kernels.bytes.fill(0, chunk, chunk + lastBytes);
      kernels.run.hash128(chunk, lastBytes, 0, 0, digests);
      digest.add(digests, 1);
    }
    this.sink.zero(this.image.bytes, bytes);
    this.image.bytes += bytes;
    this.nextPage += run;
  }

  /** The parent's pages, as many at once as the chunk has room for. */
  private unchanged(run: number, lastBytes: number): void {
    const { parent } = this.image.record;
    const { pageBytes } = this.context;
    if (parent === undefined)
      throw new PageferryError('bad-stream', `page ${this.nextPage}: unchanged, but its image has no parent`);
    for (let left = run; left > 0; ) {
      const at = this.room();
      const count = Math.min(left, CHUNK_BYTES / pageBytes - this.held);
      const bytes = left === count ? (count - 1) * pageBytes + lastBytes : count * pageBytes;
      this.readEarlier(parent, this.nextPage, at, bytes);
      left -= count;
      for (let i = 0; i < count; i++) this.hold(i === count - 1 ? bytes - i * pageBytes : pageBytes);
    }
  }

  private page(entry: TableEntry, bytes: number): void {
    const { context } = this;
    const at = this.room();
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
    this.hold(bytes);
  }

  /** Puts `bytes` bytes from page `page` of `image` to `at`. */
  private readEarlier(image: number, page: number, at: number, bytes: number): void {
    const { context } = this;
    const { kernels, pageBytes } = context;
    const known = context.images[image];
    const from = page * pageBytes;
    if (!known || from + bytes > known.bytes + (known === this.image ? this.heldBytes : 0))
      throw new PageferryError(
        'bad-stream',
        `page ${this.nextPage}: refers to page ${page} of image ${image}, which is not before it`,
      );
    if (known === this.image && from >= known.bytes) {
      const held = context.chunk + from - known.bytes;
      kernels.bytes.copyWithin(at, held, held + bytes);
      return;
    }
    const got = known.readAt(kernels.bytes.subarray(at, at + bytes), from);
    if (got !== bytes)
      throw new PageferryError('io', `image ${image}: expected ${bytes} bytes at ${from}, got ${got}`);
  }

  /** Where the next page goes. */
  private room(): number {
    if (this.held === CHUNK_BYTES / this.context.pageBytes) this.release();
    return this.context.chunk + this.heldBytes;
  }

  /** The page at the end of the chunk is done. */
  private hold(bytes: number): void {
    const { kernels, chunk, digests } = this.context;
    kernels.run.hash128(chunk + this.heldBytes, bytes, 0, 0, digests + 16 * this.held);
    this.held++;
    this.heldBytes += bytes;
    this.nextPage++;
  }

  private release(): void {
    if (this.held === 0) return;
    const { kernels, chunk, digest, digests } = this.context;
    this.sink.write(kernels.bytes.subarray(chunk, chunk + this.heldBytes), this.image.bytes);
    digest.add(digests, this.held);
    this.image.bytes += this.heldBytes;
    this.held = 0;
    this.heldBytes = 0;
  }
}
