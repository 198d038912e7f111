import type { WorkerStart } from '../threads/worker-start.js';
import type { Chunk } from './chunk.js';
import type { EncodeQueue } from './encode-queue.js';
import type { ImageEncoder } from './image-encoder.js';
import type { StageMeter } from './stage-meter.js';

/** Context of encoding images chunk by chunk; the same for every image of a stream. */
export interface ImageWriterContext {
  readonly pageBytes: number;
  readonly queue: EncodeQueue;
  /** Return the address of `bytes` zero bytes; less than a page. */
  zeros(bytes: number): number;
  /** Progress that strategies see: the current image and the encoded share of it, 0 … 1. */
  readonly progress: { image: number; share: number };
  /** Measures the work of the calling thread. */
  readonly meter: Pick<StageMeter, 'enter' | 'leave'>;
  /** Starts workers when they pay. */
  readonly workerStart: Pick<WorkerStart, 'progress'>;
  /** @throws PageferryError `limit` when an image of `bytes` bytes is too large for the stream */
  checkLimit(name: string, bytes: number): void;
}

/** Encodes one image, chunk by chunk, into the frames of the queue. */
export class ImageWriter {
  /** Bytes encoded so far. */
  bytes = 0;

  constructor(
    private readonly context: ImageWriterContext,
    readonly name: string,
    readonly encoder: ImageEncoder,
    /** The size in the image's record, if it has one. */
    readonly announced: number | undefined,
  ) {}

  /** Bytes of the last page encoded so far. */
  get lastPageBytes(): number {
    const { pageBytes } = this.context;
    return this.bytes % pageBytes || pageBytes;
  }

  /** Encode a chunk: whole pages, a shorter last page if there is one, then zero bytes that were not read. */
  async encodeChunk(chunk: Chunk): Promise<void> {
    if (chunk.bytes > 0) await this.encodeData(chunk);
    if (chunk.zeros > 0) await this.encodeZeros(chunk.zeros);
  }

  private async encodeData(chunk: Chunk): Promise<void> {
    const { encoder } = this;
    const { queue, pageBytes, meter } = this.context;
    const length = chunk.bytes;
    this.advance(length);
    const count = Math.floor(length / pageBytes);
    const partial = length % pageBytes;
    if (count > 0) {
      meter.enter();
      encoder.begin(chunk, count);
      meter.leave();
    }
    for (let done = 0; done < count; ) {
      const frame = queue.current ?? (await queue.open(encoder));
      meter.enter();
      const pages = encoder.encode(frame, chunk, done, count, queue);
      done += pages;
      if (queue.isFull(frame)) queue.close(pageBytes);
      meter.leave(pages * pageBytes);
      const turn = queue.receiveResults();
      if (turn) await turn;
    }
    if (partial !== 0) {
      const frame = await queue.open(encoder);
      meter.enter();
      encoder.encodePartial(frame, chunk.address + count * pageBytes, partial);
      meter.leave(partial);
    }
    this.bytes += length;
  }

  /** Encode zero bytes that were not read as one run of pages. */
  private async encodeZeros(length: number): Promise<void> {
    const { encoder } = this;
    const { queue, pageBytes, zeros, meter } = this.context;
    this.advance(length);
    const count = Math.floor(length / pageBytes);
    const partial = length % pageBytes;
    const frame = await queue.open(encoder);
    meter.enter();
    if (count > 0) encoder.encodeZeros(frame, count);
    if (partial !== 0) encoder.encodePartial(frame, zeros(partial), partial);
    this.bytes += length;
    if (queue.isFull(frame)) queue.close(this.lastPageBytes);
    meter.leave(length);
  }

  /** Check the limit and update the progress before `length` bytes are encoded. */
  private advance(length: number): void {
    const { announced, bytes, name, encoder } = this;
    const { progress, checkLimit, workerStart } = this.context;
    if (announced === undefined) checkLimit(name, bytes + length);
    workerStart.progress(bytes);
    progress.image = encoder.number;
    progress.share = announced ? (bytes + length) / announced : 0;
  }
}
