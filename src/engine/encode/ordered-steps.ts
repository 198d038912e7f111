import { abortable, throwIfAborted } from '../../page/sync.js';
import type { Chunk } from './chunk.js';
import { type ChunkReaderContext, ingest } from './ingest.js';
import { MAX_SKIP_BYTES, SKIP_BYTES, type Step, type StepImages, type Steps } from './step.js';

/** Steps that read a source on the calling thread, one after the other; jobs scan and hash what was read. */
export class OrderedSteps implements Steps {
  hasMore = true;
  private position = 0;
  /** Settles when the previous step has read all its bytes; absent: it has already. */
  private reading: Promise<unknown> | undefined;

  constructor(
    private readonly context: ChunkReaderContext,
    private readonly images: StepImages,
    private readonly signal: AbortSignal,
  ) {}

  next(): Step {
    const chunk = this.context.chunks.take();
    const position = this.reading ? this.reading.then(() => this.read(chunk)) : this.read(chunk);
    const reading = position
      .catch(() => {})
      .then(() => {
        if (this.reading === reading) this.reading = undefined;
      });
    this.reading = reading;
    return new OrderedStep(chunk, this.survey(chunk, position));
  }

  /** Read the chunk's bytes and return their position in the image. */
  private async read(chunk: Chunk): Promise<number> {
    const { position } = this;
    chunk.isLast = !this.hasMore;
    chunk.bytes = 0;
    chunk.zeros = 0;
    try {
      throwIfAborted(this.signal);
      if (this.hasMore) await this.fill(chunk);
    } catch (cause) {
      this.hasMore = false;
      throw cause;
    }
    this.position += chunk.bytes + chunk.zeros;
    this.hasMore = !chunk.isLast;
    return position;
  }

  private async survey(chunk: Chunk, read: Promise<number>): Promise<void> {
    const { context } = this;
    const { source, parent, prepare } = this.images;
    const position = await read;
    if (chunk.bytes === 0) return;
    prepare(chunk, position);
    await ingest(context, chunk, source.name, undefined, parent && { source: parent, position });
  }

  /** Read until the chunk is full, a zero range follows, or the image ends. */
  private async fill(chunk: Chunk): Promise<void> {
    const { signal } = this;
    const { source } = this.images;
    const { kernels, chunks } = this.context;
    const { address } = chunk;
    while (chunk.bytes < chunks.capacity) {
      throwIfAborted(signal);
      if (source.skipZeros && chunk.bytes % SKIP_BYTES === 0) {
        chunk.zeros = source.skipZeros(MAX_SKIP_BYTES);
        if (chunk.zeros > 0) return;
      }
      const startedMs = performance.now();
      const reading = source.read(kernels.bytes.subarray(address + chunk.bytes, address + chunks.capacity));
      const cpuMs = typeof reading === 'number' ? performance.now() - startedMs : 0;
      const count = await reading;
      this.context.meter.sourceRead(cpuMs || performance.now() - startedMs, cpuMs);
      chunk.isLast = count === 0;
      if (chunk.isLast) return;
      chunk.bytes += count;
    }
  }
}

class OrderedStep implements Step {
  isEnded = false;
  private error: unknown;
  private readonly ended: Promise<void>;

  constructor(
    private readonly chunk: Chunk,
    ingested: Promise<void>,
  ) {
    const end = (error: unknown) => {
      this.isEnded = true;
      this.error = error;
      if (error !== undefined) chunk.release();
    };
    this.ended = ingested.then(() => end(undefined), end);
  }

  wait(signal: AbortSignal): Promise<unknown> {
    return abortable(this.ended, signal);
  }

  take(): Chunk {
    if (this.error !== undefined) throw this.error;
    return this.chunk;
  }

  abandon(): void {
    void this.ended.then(() => this.error === undefined && this.chunk.release());
  }
}
