import type { Chunk } from './chunk.js';
import { type ChunkReaderContext, checkBytesRead, checkCount, startIngest } from './ingest.js';
import { MAX_SKIP_BYTES, type Step, type StepImages, type Steps } from './step.js';

/** Steps that read ranges of a source's file in jobs, on any thread. */
export class RangeSteps implements Steps {
  hasMore = true;
  private position = 0;

  /** The source must have `fileRange`; it then has a known size. */
  constructor(
    private readonly context: ChunkReaderContext,
    private readonly images: StepImages,
  ) {}

  next(): Step {
    const { context, position } = this;
    const { source } = this.images;
    const total = source.bytes!;
    const chunk = context.chunks.take();
    const step = new RangeStep(context, chunk);
    try {
      chunk.zeros = source.zerosAt?.(position, MAX_SKIP_BYTES) ?? 0;
      chunk.bytes = chunk.zeros > 0 ? 0 : Math.min(context.chunks.capacity, total - position);
      this.position += chunk.bytes + chunk.zeros;
      chunk.isLast = this.position >= total;
      this.hasMore = !chunk.isLast;
      if (chunk.bytes > 0) this.ingest(step, chunk, position);
      else step.end(undefined);
    } catch (cause) {
      this.hasMore = false;
      step.end(cause);
    }
    return step;
  }

  private ingest(step: RangeStep, chunk: Chunk, position: number): void {
    const { context } = this;
    const { source, parent, prepare } = this.images;
    const range = source.fileRange!(position, chunk.bytes);
    if (!range) {
      const { address, bytes } = chunk;
      const count = source.readAt!(context.kernels.bytes.subarray(address, address + bytes), position);
      checkCount(source.name, count, bytes, position);
    }
    try {
      prepare(chunk, position);
      startIngest(context, chunk, source.name, range, parent && { source: parent, position }, (cause) => {
        range?.release();
        const short = cause === undefined && range && checkBytesRead(context, chunk, source.name, position);
        step.end(cause ?? short);
      });
    } catch (cause) {
      range?.release();
      throw cause;
    }
  }
}

class RangeStep implements Step {
  isEnded = false;
  private error: unknown;
  private isAbandoned = false;

  constructor(
    private readonly context: ChunkReaderContext,
    private readonly chunk: Chunk,
  ) {}

  /** End the step; `error` is undefined if it succeeded. */
  end(error: unknown): void {
    this.isEnded = true;
    this.error = error;
    if (error !== undefined || this.isAbandoned) this.chunk.release();
  }

  wait(signal: AbortSignal): Promise<unknown> {
    return this.context.threads.ended(signal);
  }

  take(): Chunk {
    if (this.error !== undefined) throw this.error;
    return this.chunk;
  }

  abandon(): void {
    this.isAbandoned = true;
    if (this.isEnded && this.error === undefined) this.chunk.release();
  }
}
