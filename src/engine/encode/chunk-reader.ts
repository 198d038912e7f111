import { PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { createYielder, nextTurn, throwIfAborted } from '../../page/sync.js';
import type { Chunk } from './chunk.js';
import { type ChunkReaderContext, ingest } from './ingest.js';
import { OrderedSteps } from './ordered-steps.js';
import { RangeSteps } from './range-steps.js';
import type { ChunkPreparation, Step, Steps } from './step.js';

/**
 * Chunks that are read ahead, beside one for each thread, and at least two for each thread: the calling
 * thread is woken up for several at once.
 */
const AHEAD = 4;

/** Receives an image's chunks, in order; each is valid until the promise settles, longer if it is held. */
export type ChunkConsumer = (chunk: Chunk) => Promise<void>;

const NO_PREPARATION: ChunkPreparation = () => {};

/**
 * Reads sources chunk by chunk, and has the chunks scanned and hashed, ahead of the consumer. Threads read a
 * source with `fileRange` by themselves; any other source is read here, in order.
 */
export class ChunkReader {
  constructor(private readonly context: ChunkReaderContext) {}

  /** Most bytes of a chunk. */
  get chunkBytes(): number {
    return this.context.chunks.capacity;
  }

  /**
   * Read `source` to its end and return its size. Only the last chunk may end within a page. `parent`: the
   * image whose pages are compared with those at the same positions.
   * @throws PageferryError `io` when the size is not the announced one; the reason of `signal`, without
   *   reading on
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
        // One thread has the next read issued before it works on the chunk.
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

  /**
   * Copy up to a chunk of bytes at `position` of an image into a chunk, and scan and hash it. The caller
   * releases the chunk.
   */
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

  /** Begin steps until there are enough for every thread, or no free chunk. */
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

  /** Wait until there is a free chunk: the frames that hold them have to be packed and written. */
  private async freeChunk(signal: AbortSignal): Promise<void> {
    const { threads, chunks } = this.context;
    while (!chunks.hasFree) await (threads.help() ? nextTurn() : chunks.nextFree(signal));
  }
}
