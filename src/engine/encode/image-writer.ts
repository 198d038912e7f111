import type { PageSource } from '../../page/source.js';
import type { ChunkReader } from './chunk-reader.js';
import type { FrameQueue } from './frame-queue.js';
import type { ImageEncoder } from './image-encoder.js';

/** What writing an image works with; the same for every image of a stream. */
export interface ImageWriterContext {
  readonly pageBytes: number;
  readonly queue: FrameQueue;
  readonly reader: ChunkReader;
  /** Progress that strategies see: the current image and the encoded share of it. */
  readonly progress: { image: number; share: number };
  /** @throws PageferryError `limit` when an image of `bytes` bytes is too large for the stream */
  checkLimit(name: string, bytes: number): void;
}

/** Encodes the bytes of one image, chunk by chunk, into the frames of the queue. */
export class ImageWriter {
  /** Bytes written so far. */
  bytes = 0;

  constructor(
    private readonly context: ImageWriterContext,
    readonly name: string,
    readonly encoder: ImageEncoder,
    /** The size in the image's record, if it has one. */
    readonly announced: number | undefined,
  ) {}

  /** Bytes of the last page so far. */
  get lastPageBytes(): number {
    const { pageBytes } = this.context;
    return this.bytes % pageBytes || pageBytes;
  }

  /**
   * Encode a chunk: whole pages, then perhaps a shorter last one. `parent` is read for pages that may
   * resemble its own.
   */
  async data(address: number, length: number, parent?: PageSource): Promise<void> {
    const { encoder, bytes } = this;
    const { queue, reader, pageBytes } = this.context;
    this.advance(length);
    const count = Math.floor(length / pageBytes);
    const partial = length % pageBytes;
    if (count > 0) encoder.survey(address, count);
    const versions = parent
      ? reader.readParent(parent, bytes, count, pageBytes, (page) => !encoder.isFill(page))
      : 0;
    for (let done = 0; done < count; ) {
      const frame = await queue.open(encoder);
      done += encoder.encode(frame, address, versions, done, count, queue.isFull);
      if (queue.isFull(frame)) queue.close(pageBytes);
      await queue.receiveResults();
    }
    if (partial !== 0) encoder.encodePartial(await queue.open(encoder), address + count * pageBytes, partial);
    this.bytes += length;
  }

  /** Encode a range of zero bytes as one run, which takes no memory a page. */
  async zeros(length: number): Promise<void> {
    const { encoder } = this;
    const { queue, reader, pageBytes } = this.context;
    this.advance(length);
    const count = Math.floor(length / pageBytes);
    const partial = length % pageBytes;
    const frame = await queue.open(encoder);
    if (count > 0) encoder.encodeZeros(frame, count);
    if (partial !== 0) encoder.encodePartial(frame, reader.zeros(partial), partial);
    this.bytes += length;
    if (queue.isFull(frame)) queue.close(this.lastPageBytes);
  }

  /** Check the limit and update the progress before `length` bytes are encoded. */
  private advance(length: number): void {
    const { announced, bytes, name, encoder } = this;
    const { progress, checkLimit } = this.context;
    if (announced === undefined) checkLimit(name, bytes + length);
    progress.image = encoder.number;
    progress.share = announced ? (bytes + length) / announced : 0;
  }
}
