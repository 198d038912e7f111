import { PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { abortable, createYielder, throwIfAborted } from '../../page/sync.js';
import type { Chunk } from './chunk.js';
import { bytesReadOf, type ChunkReaderContext, checkCount, ingest } from './ingest.js';

/** Alignment of skipped ranges: the largest page size. */
const SKIP_BYTES = 65536;
/** Most zero bytes skipped in one step; their digest takes about 20 ms, then other events get a turn. */
const MAX_SKIP_BYTES = 2 ** 36;
/** Chunks that are read ahead, beside one for each thread. */
const AHEAD = 2;

/** Receives an image's chunks, in order; each is valid until the promise settles, longer if it is held. */
export type ChunkConsumer = (chunk: Chunk) => Promise<void>;

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
  ): Promise<number> {
    const yieldIfDue = createYielder();
    const { threads, chunks } = this.context;
    const steps = new ChunkSteps(this.context, source, parent, signal);
    const ahead: Promise<Chunk>[] = [];
    let position = 0;
    try {
      for (let isLast = false; !isLast; ) {
        const wanted = threads.count > 1 ? threads.count + AHEAD : 1;
        while (ahead.length < wanted && steps.hasMore && (ahead.length === 0 || chunks.hasFree))
          ahead.push(steps.next());
        const chunk = await abortable(ahead[0]!, signal);
        ahead.shift();
        ({ isLast } = chunk);
        // The next read is issued before this thread works on the chunk.
        if (threads.count === 1 && steps.hasMore && chunks.hasFree) ahead.push(steps.next());
        try {
          if (threads.count === 1) await steps.survey(chunk, position);
          position += chunk.bytes + chunk.zeros;
          await consumer(chunk);
        } finally {
          chunk.release();
        }
        await yieldIfDue();
        throwIfAborted(signal);
      }
    } finally {
      // Steps in flight end by themselves; their failure is that of the first, or of no interest.
      for (const step of ahead) step.then((chunk) => chunk.release()).catch(() => {});
    }
    if (source.bytes !== undefined && position !== source.bytes)
      throw new PageferryError('io', `${source.name}: expected ${source.bytes} bytes, got ${position}`);
    return position;
  }

  /** Copy up to a chunk of bytes into a chunk, and scan and hash it. The caller releases the chunk. */
  async copyIn(bytes: Uint8Array, signal: AbortSignal): Promise<Chunk> {
    const { chunks, kernels } = this.context;
    const chunk = await chunks.take(signal);
    kernels.bytes.set(bytes, chunk.address);
    chunk.bytes = bytes.length;
    chunk.zeros = 0;
    chunk.hasParent = false;
    await ingest(this.context, chunk, 'pages', undefined);
    return chunk;
  }
}

/** The steps of reading one source, each of which gives a chunk. */
class ChunkSteps {
  /** Whether the source may have more bytes. */
  hasMore = true;
  private position = 0;
  /** Settles when the step before has read all its bytes; absent: it has. */
  private isRead: Promise<unknown> | undefined;

  constructor(
    private readonly context: ChunkReaderContext,
    private readonly source: PageSource,
    private readonly parent: PageSource | undefined,
    private readonly signal: AbortSignal,
  ) {}

  /** Begin the next step. */
  next(): Promise<Chunk> {
    const isByRange = this.source.fileRange !== undefined && this.context.threads.count > 1;
    const step = isByRange ? this.readRange() : this.readInOrder();
    // Awaited in a later turn; until then its failure is not unhandled.
    step.catch(() => {});
    return step;
  }

  /** Have a thread read the next range of the source's file. */
  private async readRange(): Promise<Chunk> {
    const { source, context, signal, position } = this;
    const total = source.bytes!;
    const zeros = source.zerosAt?.(position, MAX_SKIP_BYTES) ?? 0;
    const bytes = zeros > 0 ? 0 : Math.min(context.chunks.capacity, total - position);
    this.position += bytes + zeros;
    const isLast = this.position >= total;
    this.hasMore = !isLast;
    const chunk = await context.chunks.take(signal);
    Object.assign(chunk, { bytes, zeros, isLast, hasParent: false });
    try {
      throwIfAborted(signal);
      if (bytes > 0) await this.ingestRange(chunk, position);
    } catch (cause) {
      chunk.release();
      throw cause;
    }
    return chunk;
  }

  private async ingestRange(chunk: Chunk, position: number): Promise<void> {
    const { source, context, parent } = this;
    const range = source.fileRange!(position, chunk.bytes);
    if (!range) {
      const { address, bytes } = chunk;
      const count = source.readAt!(context.kernels.bytes.subarray(address, address + bytes), position);
      checkCount(source.name, count, bytes, position);
    }
    try {
      await ingest(context, chunk, source.name, range, parent && { source: parent, position });
    } finally {
      range?.release();
    }
    if (range) checkCount(source.name, bytesReadOf(context, chunk), chunk.bytes, position);
  }

  /** Read the source's next bytes here, one step after the other. */
  private async readInOrder(): Promise<Chunk> {
    const { context, signal } = this;
    const before = this.isRead;
    let readDone!: () => void;
    const isRead = new Promise<void>((resolve) => {
      readDone = () => {
        if (this.isRead === isRead) this.isRead = undefined;
        resolve();
      };
    });
    this.isRead = isRead;
    let chunk: Chunk | undefined;
    try {
      if (before) await before;
      throwIfAborted(signal);
      chunk = context.chunks.takeFree() ?? (await context.chunks.take(signal));
      chunk.isLast = !this.hasMore;
      chunk.bytes = 0;
      chunk.zeros = 0;
      if (this.hasMore) await this.fill(chunk);
      const position = this.position;
      this.position += chunk.bytes + chunk.zeros;
      this.hasMore = !chunk.isLast;
      readDone();
      if (context.threads.count > 1) await this.survey(chunk, position);
      return chunk;
    } catch (cause) {
      this.hasMore = false;
      chunk?.release();
      throw cause;
    } finally {
      readDone();
    }
  }

  /** Have a chunk that was read here scanned and hashed; `position`: where it is in the image. */
  async survey(chunk: Chunk, position: number): Promise<void> {
    const { context, source, parent } = this;
    chunk.hasParent = false;
    if (chunk.bytes > 0)
      await ingest(context, chunk, source.name, undefined, parent && { source: parent, position });
  }

  /** Read until the chunk is full, a range was skipped, or the image ends. */
  private async fill(chunk: Chunk): Promise<void> {
    const { source, signal } = this;
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
