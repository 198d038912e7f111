import { PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { createYielder, nextTurn, throwIfAborted } from '../../page/sync.js';
import type { Chunk } from './chunk.js';
import { type ChunkReaderContext, ingest } from './ingest.js';
import { OrderedSteps } from './ordered-steps.js';
import { RangeSteps } from './range-steps.js';
import type { ChunkPreparation, Step, Steps } from './step.js';

/**
 * Chunks that are read ahead in addition to one for each thread; at least two for each thread. The calling
 * thread then handles several results for each wake-up.
 */
const AHEAD = 4;

/** Receiver of an image's chunks, in order. A chunk is valid until the promise settles, or longer if held. */
export type ChunkConsumer = (chunk: Chunk) => Promise<void>;

const NO_PREPARATION: ChunkPreparation = () => {};

/**
 * Reads sources chunk by chunk ahead of the consumer; jobs scan and hash the chunks. Jobs also read a source
 * with `fileRange`, in any order; any other source is read on the calling thread, in order.
 */
export class ChunkReader {
  constructor(private readonly context: ChunkReaderContext) {}

  /** Maximum bytes of a chunk. */
  get chunkBytes(): number {
    return this.context.chunks.capacity;
  }

  /**
   * Read `source` to its end and return its size in bytes. Only the last chunk may end within a page.
   * `parent`: the image whose pages are compared with those at the same positions. `prepare`: called for each
   * chunk before its job starts.
   * @throws PageferryError `io` if the size is not the announced one; the reason of `signal`
   */
  async read(
    source: PageSource,
    parent: PageSource | undefined,
    consumer: ChunkConsumer,
    signal: AbortSignal,
    prepare = NO_PREPARATION,
  ): Promise<number> {
    const yieldIfDue = createYielder();
    const { chunks } = this.context;
    const images = { source, parent, prepare };
    const ranges = source.fileRange ? new RangeSteps(this.context, images) : undefined;
    const steps = ranges ?? new OrderedSteps(this.context, images, signal);
    const ahead: Step[] = [];
    let position = 0;
    try {
      for (let isLast = false; !isLast; ) {
        if (ahead.length === 0 && !chunks.hasFree) await this.freeChunk(signal);
        this.readAhead(ahead, steps);
        const chunk = await this.result(ahead[0]!, signal);
        ahead.shift();
        ({ isLast } = chunk);
        // Issue the next read before the consumer works on this chunk.
        if (!ranges) this.readAhead(ahead, steps);
        try {
          position += chunk.bytes + chunk.zeros;
          await consumer(chunk);
        } finally {
          chunk.release();
        }
        await yieldIfDue();
        throwIfAborted(signal);
      }
    } finally {
      for (const step of ahead) step.abandon();
    }
    if (source.bytes !== undefined && position !== source.bytes)
      throw new PageferryError('io', `${source.name}: expected ${source.bytes} bytes, got ${position}`);
    return position;
  }

  /** Copy at most a chunk of an image into a chunk, scan and hash it. The caller releases the chunk. */
  async copyIn(
    bytes: Uint8Array,
    position: number,
    prepare: ChunkPreparation,
    signal: AbortSignal,
  ): Promise<Chunk> {
    const { chunks, kernels } = this.context;
    if (!chunks.hasFree) await this.freeChunk(signal);
    const chunk = chunks.take();
    kernels.bytes.set(bytes, chunk.address);
    chunk.bytes = bytes.length;
    chunk.zeros = 0;
    prepare(chunk, position);
    await ingest(this.context, chunk, 'pages', undefined);
    return chunk;
  }

  /** Begin steps until every thread has enough, or no chunk is free. */
  private readAhead(ahead: Step[], steps: Steps): void {
    const { threads, chunks } = this.context;
    const wanted = threads.isLocal ? 1 : Math.max(threads.count + AHEAD, 2 * threads.count);
    while (ahead.length < wanted && steps.hasMore && chunks.hasFree) ahead.push(steps.next());
  }

  /** Return the chunk of a step, helping the threads until it has ended. */
  private async result(step: Step, signal: AbortSignal): Promise<Chunk> {
    while (!step.isEnded) if (!this.context.threads.help()) await step.wait(signal);
    return step.take();
  }

  /** Wait until a chunk is free: frames that hold chunks are packed and written meanwhile. */
  private async freeChunk(signal: AbortSignal): Promise<void> {
    const { threads, chunks } = this.context;
    while (!chunks.hasFree) await (threads.help() ? nextTurn() : chunks.nextFree(signal));
  }
}
