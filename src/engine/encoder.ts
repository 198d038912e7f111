import { createCodecContext } from '../codec/codec.js';
import { packedLz4Capacity } from '../codec/lz4.js';
import { loadZstd } from '../codec/zstd.js';
import { EarlierImages } from '../dedup/earlier.js';
import { ImageDigest } from '../dedup/image-digest.js';
import { PageIndex } from '../dedup/page-index.js';
import { VersionStore } from '../dedup/version-store.js';
import { PageferryError } from '../page/error.js';
import type { PageSource } from '../page/source.js';
import type { StreamState } from '../strategy/strategy.js';
import { type ImageEnd, MAX_IMAGES, RECORD } from '../stream/format.js';
import { nameBytes, writeEnd, writeHeader, writeImage, writeImageEnd } from '../stream/records.js';
import { WireWriter } from '../stream/wire.js';
import { Candidate } from './candidate.js';
import { CHUNK_BYTES, ChunkReader } from './chunk-reader.js';
import { addCounts, type CodecCounts, emptyCounts, usedCounts } from './counters.js';
import { Frame, type FrameContext, MAX_TABLE_BYTES } from './frame.js';
import { type ImageContext, ImageEncoder } from './image-encoder.js';
import { type EncoderOptions, type EncoderSettings, encoderSettings, kernelsWithin } from './options.js';
import { type Output, OutputQueue } from './output.js';
import { localPool, type PackPool, workerPool } from './pack-pool.js';
import { packerBytes, SegmentPacker } from './packing.js';
import { localSegment, sharedSegment } from './segment.js';

const LARGEST_GROUP_BYTES = 8 << 20;
const DEFAULT_GROUP_BYTES = 2 << 20;
const GROUP_SLACK = 1 << 17;
const SEGMENT_KINDS = 4;
const LOCAL_FRAMES = 2;

/** What one image came to. */
export interface ImageSummary {
  /** Counts carried images only, from 0. */
  readonly image: number;
  readonly name: string;
  readonly bytesIn: number;
  readonly pages: number;
  readonly bytesOut: number;
  readonly digest: Uint8Array;
  /** Pages and bytes by codec, only those used. Frame tables and records are in `bytesOut` alone. */
  readonly codecs: Partial<CodecCounts>;
}

/** What a stream came to. */
export interface StreamSummary {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly pages: number;
  readonly encodeMs: number;
  readonly codecs: Partial<CodecCounts>;
  readonly images: readonly ImageSummary[];
  /** Things that the caller should know: a zstd that is not there, say. */
  readonly notes: readonly string[];
}

interface ImageInWork {
  readonly name: string;
  readonly encoder: ImageEncoder;
  /** What its record said, if it did. */
  readonly announced: number | undefined;
  bytes: number;
}

/** Encodes images into one stream. Calls must not overlap: await each before the next. */
export class Encoder {
  private image: ImageInWork | undefined;
  private frame: Frame | undefined;
  private frameFirst = 0;
  private readonly ends: ImageEnd[] = [];
  private readonly finished: { name: string; pages: number; image: number }[] = [];
  private lastImage: number | undefined;
  private readonly free: Frame[];
  private freed: (() => void) | undefined;

  /** @internal Use {@link createEncoder}. */
  constructor(
    readonly settings: EncoderSettings,
    private readonly context: ImageContext,
    private readonly frameContext: FrameContext,
    private readonly queue: OutputQueue,
    private readonly reader: ChunkReader,
    frames: Frame[],
    private readonly startedAt: number,
    private readonly notes: string[],
  ) {
    this.free = frames;
    const header = new WireWriter();
    writeHeader(header, { pageBytes: settings.pageBytes, maxFrameBytes: LARGEST_GROUP_BYTES + GROUP_SLACK + 2 * MAX_TABLE_BYTES });
    header.u32(frameContext.packer.checkOfBytes(header.bytes)[0]);
    queue.raw(header.bytes);
  }

  /** Bytes that went out so far. */
  get bytesOut(): number {
    return this.queue.bytesOut;
  }

  /**
   * Takes in an image that both sides hold: nothing of it travels but its digest. The first carried image is compared with the
   * last base, page by page; all can refer to it. Its source must stay open until `finish`.
   */
  async base(source: PageSource): Promise<void> {
    const { number, encoder } = this.begin(source.name, source, undefined);
    const { context } = this;
    let bytes = 0;
    await this.reader.read(source, undefined, context.pageBytes, async (address, length) => {
      const count = Math.floor(length / context.pageBytes);
      encoder.learn(address, count);
      if (length % context.pageBytes !== 0) encoder.learnPartial(address + count * context.pageBytes, length % context.pageBytes);
      bytes += length;
    });
    const digest = context.digest.finish(bytes);
    this.writeImage(number, 'base', source.name, undefined, bytes, digest);
    this.ends.push({ bytes, digest });
    this.lastImage = number;
  }

  /**
   * Encodes one image from its source's start to its end. `parent` is the earlier image that is the last version of this one:
   * default the one before.
   */
  async encode(source: PageSource, options: { parent?: number } = {}): Promise<void> {
    const { context } = this;
    const { number, encoder, parent } = this.begin(source.name, source, options.parent ?? this.lastImage);
    this.writeImage(number, 'carried', source.name, parent, source.bytes, undefined);
    this.image = { name: source.name, encoder, announced: source.bytes, bytes: 0 };
    const before = parent === undefined ? undefined : context.earlier.image(parent)?.source;
    await this.reader.read(source, before, context.pageBytes, (address, length, versions) => this.take(address, length, versions));
    await this.endImage();
  }

  /** Opens an image that is written page by page with {@link write} and closed with {@link endImage}. */
  openImage(name: string, options: { bytes?: number; parent?: number } = {}): void {
    const { number, encoder, parent } = this.begin(name, undefined, options.parent ?? this.lastImage);
    this.writeImage(number, 'carried', name, parent, options.bytes, undefined);
    this.image = { name, encoder, announced: options.bytes, bytes: 0 };
  }

  /** Takes the open image's next pages: whole pages, only the last call may end with a shorter one. */
  async write(pages: Uint8Array): Promise<void> {
    const image = this.image;
    if (!image) throw new PageferryError('bad-argument', 'write: no image is open');
    if (image.bytes % this.context.pageBytes !== 0)
      throw new PageferryError(
        'bad-argument',
        `write: a page of ${image.bytes % this.context.pageBytes} bytes was the image's last`,
      );
    for (let done = 0; done < pages.length; done += CHUNK_BYTES) {
      const chunk = pages.subarray(done, Math.min(done + CHUNK_BYTES, pages.length));
      await this.take(this.reader.copyIn(chunk), chunk.length, 0);
    }
  }

  /** Sends what is waiting, down to the last page written: after it, a receiver can have them all. */
  async flush(): Promise<void> {
    this.closeFrame(this.lastPageBytes());
    await this.queue.drained();
  }

  /** Closes the open image. */
  async endImage(): Promise<void> {
    const image = this.image;
    if (!image) throw new PageferryError('bad-argument', 'endImage: no image is open');
    const { encoder, name, bytes, announced } = image;
    if (announced !== undefined && bytes !== announced)
      throw new PageferryError('bad-argument', `endImage: "${name}" was announced with ${announced} bytes, got ${bytes}`);
    this.closeFrame(this.lastPageBytes());
    const end = { bytes, digest: this.context.digest.finish(bytes) };
    const head = new WireWriter();
    writeImageEnd(head, encoder.number, end);
    this.queue.record(RECORD.IMAGE_END, head.bytes);
    this.ends.push(end);
    this.finished.push({ name, pages: encoder.nextPage, image: encoder.number });
    this.lastImage = encoder.number;
    this.image = undefined;
  }

  /** Ends the stream: digests, index. The encoder is used up. */
  async finish(): Promise<StreamSummary> {
    try {
      if (this.image) throw new PageferryError('bad-argument', `finish: image ${this.image.encoder.number} is still open`);
      const head = new WireWriter();
      writeEnd(head, this.ends);
      this.queue.record(RECORD.END, head.bytes);
      this.queue.writeIndex();
      await this.queue.drained();
      return this.summary();
    } finally {
      await this.close();
    }
  }

  /** Frees the workers of an encoder that will not be finished. */
  async close(): Promise<void> {
    await this.frameContext.pool.close();
  }

  private begin(name: string, source: PageSource | undefined, parent: number | undefined) {
    const { context } = this;
    if (this.image) throw new PageferryError('bad-argument', `image ${this.image.encoder.number} is still open`);
    const number = context.earlier.count;
    if (parent !== undefined && !(Number.isInteger(parent) && parent >= 0 && parent < number))
      throw new PageferryError('bad-argument', `${name}: parent ${parent}, expected an image before ${number}`);
    if (number === MAX_IMAGES) throw new PageferryError('bad-argument', `${name}: a stream has at most ${MAX_IMAGES} images`);
    nameBytes(name);
    context.digest.start();
    return { number, parent, encoder: new ImageEncoder(context, number, parent, context.earlier.add(source)) };
  }

  private writeImage(
    image: number,
    kind: 'carried' | 'base',
    name: string,
    parent: number | undefined,
    bytes: number | undefined,
    digest: Uint8Array | undefined,
  ): void {
    const head = new WireWriter();
    writeImage(head, { image, kind, name, parent, bytes, digest });
    this.queue.record(RECORD.IMAGE, head.bytes, image);
  }

  /** Encodes a chunk: whole pages, then perhaps a last, shorter one. */
  private async take(address: number, length: number, versions: number): Promise<void> {
    const { encoder } = this.image!;
    const { pageBytes } = this.context;
    const count = Math.floor(length / pageBytes);
    const partial = length % pageBytes;
    if (count > 0) encoder.survey(address, count);
    for (let done = 0; done < count; ) {
      const frame = this.frame ?? (await this.openFrame());
      done += encoder.encode(frame, address, versions, done, count, this.isFull);
      if (this.isFull(frame)) this.closeFrame(pageBytes);
    }
    if (partial !== 0) encoder.encodePartial(this.frame ?? (await this.openFrame()), address + count * pageBytes, partial);
    this.image!.bytes += length;
  }

  private readonly isFull = (frame: Frame): boolean => frame.bytes >= this.groupBytes() || frame.table.length >= MAX_TABLE_BYTES;

  private groupBytes(): number {
    const wanted = this.settings.strategy.groupBytes?.(this.context.state) ?? DEFAULT_GROUP_BYTES;
    return Math.min(Math.max(wanted, this.context.pageBytes), LARGEST_GROUP_BYTES);
  }

  private async openFrame(): Promise<Frame> {
    while (this.free.length === 0)
      await new Promise<void>((freed) => {
        this.freed = freed;
      });
    this.queue.check();
    const { encoder } = this.image!;
    this.frame = this.free.pop()!;
    this.frameFirst = encoder.nextPage;
    this.frame.start(encoder.number, encoder.nextPage, encoder.expectedImage);
    return this.frame;
  }

  /** Of the last page written so far. */
  private lastPageBytes(): number {
    const { pageBytes } = this.context;
    return (this.image?.bytes ?? 0) % pageBytes || pageBytes;
  }

  private closeFrame(lastPageBytes: number): void {
    const { frame } = this;
    if (!frame) return;
    this.frame = undefined;
    this.queue.frame(
      frame,
      this.image!.encoder.number,
      this.frameFirst,
      (ordinal) => frame.pack(this.frameContext, ordinal, lastPageBytes),
      () => {
        this.free.push(frame);
        this.freed?.();
      },
    );
  }

  private summary(): StreamSummary {
    const images = this.finished.map(({ name, pages, image }, number): ImageSummary => {
      const { bytesOut, codecs } = this.queue.counts(image);
      const { bytes, digest } = this.ends[image]!;
      return { image: number, name, bytesIn: bytes, pages, bytesOut, digest, codecs: usedCounts(codecs) };
    });
    const codecs = emptyCounts();
    for (const { image } of this.finished) addCounts(codecs, this.queue.counts(image).codecs);
    return {
      bytesIn: images.reduce((sum, { bytesIn }) => sum + bytesIn, 0),
      bytesOut: this.queue.bytesOut,
      pages: images.reduce((sum, { pages }) => sum + pages, 0),
      encodeMs: this.settings.clock() - this.startedAt,
      codecs: usedCounts(codecs),
      images,
      notes: this.notes,
    };
  }
}

/**
 * Makes an encoder whose stream goes to `output`.
 * @throws PageferryError `bad-argument` for options that make no sense
 */
export async function createEncoder(output: Output, options: EncoderOptions = {}): Promise<Encoder> {
  const settings = encoderSettings(options);
  const startedAt = settings.clock();
  const { pageBytes, threads, strategy } = settings;
  const zstd = options.zstd === null ? undefined : (options.zstd ?? (await loadZstd()));
  const capacity = LARGEST_GROUP_BYTES + GROUP_SLACK;
  const mainCapacity = threads > 1 ? 3 * MAX_TABLE_BYTES : capacity;
  const localBytes = threads > 1 ? 0 : LOCAL_FRAMES * SEGMENT_KINDS * (capacity + packedLz4Capacity(capacity) + 256);
  const tableBytes = settings.indexSlots * (16 + 12 * 4);
  const kernels = await kernelsWithin(
    settings.deltaBudgetBytes +
      tableBytes +
      localBytes +
      packerBytes(mainCapacity) +
      ChunkReader.memoryBytes +
      40 * pageBytes +
      (1 << 20),
    'deltaBudgetBytes and indexPages',
  );
  const codec = createCodecContext(kernels);
  const packer = new SegmentPacker(codec, zstd, mainCapacity);
  // A zstd of the caller's own cannot be sent to a worker.
  const workersZstd = zstd !== undefined && options.zstd == null;
  const pool: PackPool = threads > 1 ? await workerPool(threads, capacity, workersZstd) : localPool(packer);
  const queue = new OutputQueue(output, packer);
  let pendingMs = 0;
  let plannedBytes = 0;
  const state: StreamState = {
    linkBitsPerSecond: settings.linkBitsPerSecond,
    threads,
    elapsedMs: () => settings.clock() - startedAt,
    get bytesOut() {
      return plannedBytes;
    },
    get pendingMs() {
      return pendingMs;
    },
    zstd: zstd !== undefined,
  };
  const index = settings.dedup ? new PageIndex(kernels, pageBytes, settings.indexSlots, 4 * settings.indexSlots) : undefined;
  const versions = new VersionStore(kernels, pageBytes, settings.deltaBudgetBytes);
  const earlier = new EarlierImages(kernels, pageBytes, versions);
  const similar = settings.similar;
  const context: ImageContext = {
    codec,
    pageBytes,
    strategy,
    state,
    earlier,
    versions,
    index,
    similar,
    candidate: new Candidate(codec, pageBytes, earlier, similar ? index : undefined),
    digest: new ImageDigest(kernels, pageBytes),
    classes: kernels.reserve((CHUNK_BYTES / pageBytes) * 2, 'page classes'),
    digests: kernels.reserve((CHUNK_BYTES / pageBytes) * 16, 'page digests'),
  };
  const frameContext: FrameContext = {
    pool,
    packer,
    strategy,
    state,
    pending(ms, bytes) {
      pendingMs += ms;
      plannedBytes += bytes;
    },
  };
  const makeBuffer = threads > 1 ? () => sharedSegment(capacity) : () => localSegment(kernels, capacity);
  const frames = Array.from({ length: threads > 1 ? threads + 2 : LOCAL_FRAMES }, () => new Frame(makeBuffer));
  const notes = zstd ? [] : ['zstd is not available here: LZ4 packs in its place'];
  if (zstd && threads > 1 && !workersZstd) notes.push(`${zstd.name} cannot be sent to threads: LZ4 packs in its place there`);
  return new Encoder(settings, context, frameContext, queue, new ChunkReader(kernels), frames, startedAt, notes);
}
