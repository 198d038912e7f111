import { PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { type ImageEnd, type ImageRecord, MAX_IMAGES, RECORD } from '../../stream/format.js';
import { nameBytes, writeEnd, writeImage, writeImageEnd } from '../../stream/image-records.js';
import { writeHeader } from '../../stream/records.js';
import { WireWriter } from '../../stream/wire.js';
import { CHUNK_BYTES } from '../frame/chunk.js';
import { addCounts, emptyCounts, usedCounts } from '../frame/counters.js';
import { type FrameBuilder, type FrameContext, TABLE_TARGET_BYTES } from '../frame/frame-builder.js';
import type { ChunkReader } from './chunk-reader.js';
import type { EncoderSettings } from './encoder-options.js';
import { FrameQueue, LARGEST_GROUP_BYTES } from './frame-queue.js';
import { type ImageContext, ImageEncoder } from './image-encoder.js';
import type { RecordWriter } from './record-writer.js';
import type { ImageSummary, StreamSummary } from './summary.js';

/** Room beyond it, for the page that closes it. */
export const GROUP_SLACK = 1 << 17;

/** @internal What an encoder is put together from. */
export interface EncoderParts {
  readonly settings: EncoderSettings;
  readonly image: ImageContext;
  readonly frame: FrameContext;
  readonly queue: RecordWriter;
  readonly reader: ChunkReader;
  readonly frames: FrameBuilder[];
  /** What strategies are told of the image in work. */
  readonly progress: { image: number; share: number };
  readonly startedAt: number;
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
  private readonly ends: ImageEnd[] = [];
  private readonly finished: { name: string; encoder: ImageEncoder }[] = [];
  private lastImage: number | undefined;
  private readonly flow: FrameQueue;

  private readonly settings: EncoderSettings;
  private readonly context: ImageContext;
  private readonly frameContext: FrameContext;
  private readonly queue: RecordWriter;
  private readonly reader: ChunkReader;

  /** @internal Use {@link createEncoder}. */
  constructor(private readonly parts: EncoderParts) {
    this.settings = parts.settings;
    this.context = parts.image;
    this.frameContext = parts.frame;
    this.queue = parts.queue;
    this.reader = parts.reader;
    this.flow = new FrameQueue(parts.frames, parts.frame, parts.queue, parts.settings.pageBytes);
    const header = new WireWriter();
    writeHeader(header, 'images', {
      pageBytes: this.settings.pageBytes,
      maxFrameBytes: LARGEST_GROUP_BYTES + GROUP_SLACK + 2 * TABLE_TARGET_BYTES,
    });
    header.u32(this.frameContext.packer.checkOfBytes(header.bytes)[0]);
    this.queue.raw(header.bytes);
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
    await this.reader.read(source, async (address, length) => {
      const count = Math.floor(length / context.pageBytes);
      encoder.learn(address, count);
      if (length % context.pageBytes !== 0)
        encoder.learnPartial(address + count * context.pageBytes, length % context.pageBytes);
      bytes += length;
    });
    const digest = context.digest.finish(bytes);
    this.announce({ image: number, kind: 'base', name: source.name, parent: undefined, bytes, digest });
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
    this.announce({
      image: number,
      kind: 'carried',
      name: source.name,
      parent,
      bytes: source.bytes,
      digest: undefined,
    });
    this.image = { name: source.name, encoder, announced: source.bytes, bytes: 0 };
    const before = parent === undefined ? undefined : context.earlier.image(parent)?.source;
    await this.reader.read(source, (address, length) => this.take(address, length, before));
    await this.endImage();
  }

  /** Opens an image that is written page by page with {@link write} and closed with {@link endImage}. */
  beginImage(name: string, options: { bytes?: number; parent?: number } = {}): void {
    const { number, encoder, parent } = this.begin(name, undefined, options.parent ?? this.lastImage);
    this.announce({ image: number, kind: 'carried', name, parent, bytes: options.bytes, digest: undefined });
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
      await this.take(this.reader.copyIn(chunk), chunk.length);
    }
  }

  /** Sends what is waiting, down to the last page written: after it, a receiver can have them all. */
  async flush(): Promise<void> {
    this.flow.close(this.lastPageBytes());
    await this.queue.drained();
  }

  /** Closes the open image. */
  async endImage(): Promise<void> {
    const image = this.image;
    if (!image) throw new PageferryError('bad-argument', 'endImage: no image is open');
    const { encoder, name, bytes, announced } = image;
    if (announced !== undefined && bytes !== announced)
      throw new PageferryError(
        'bad-argument',
        `endImage: "${name}" was announced with ${announced} bytes, got ${bytes}`,
      );
    this.flow.close(this.lastPageBytes());
    const end = { bytes, digest: this.context.digest.finish(bytes) };
    const head = new WireWriter();
    writeImageEnd(head, encoder.number, end);
    this.queue.record(RECORD.IMAGE_END, head.bytes);
    this.ends.push(end);
    this.finished.push({ name, encoder });
    this.lastImage = encoder.number;
    this.image = undefined;
  }

  /** Ends the stream: digests, index. The encoder is used up. */
  async finish(): Promise<StreamSummary> {
    try {
      if (this.image)
        throw new PageferryError('bad-argument', `finish: image ${this.image.encoder.number} is still open`);
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
    if (this.image)
      throw new PageferryError('bad-argument', `image ${this.image.encoder.number} is still open`);
    const number = context.earlier.count;
    if (parent !== undefined && !(Number.isInteger(parent) && parent >= 0 && parent < number))
      throw new PageferryError(
        'bad-argument',
        `${name}: parent ${parent}, expected an image before ${number}`,
      );
    if (number === MAX_IMAGES)
      throw new PageferryError('bad-argument', `${name}: a stream has at most ${MAX_IMAGES} images`);
    nameBytes(name);
    context.digest.start();
    return {
      number,
      parent,
      encoder: new ImageEncoder(context, number, parent, context.earlier.add(source)),
    };
  }

  private announce(record: ImageRecord): void {
    const head = new WireWriter();
    writeImage(head, record);
    this.queue.record(RECORD.IMAGE, head.bytes, record.image);
  }

  /** Encodes a chunk: whole pages, then perhaps a last, shorter one. `parent` is read for the pages that may resemble its own. */
  private async take(address: number, length: number, parent?: PageSource): Promise<void> {
    const { encoder, announced, bytes } = this.image!;
    const { pageBytes } = this.context;
    this.parts.progress.image = encoder.number;
    this.parts.progress.share = announced ? (bytes + length) / announced : 0;
    const count = Math.floor(length / pageBytes);
    const partial = length % pageBytes;
    if (count > 0) encoder.survey(address, count);
    const versions = parent
      ? this.reader.versions(parent, bytes, count, pageBytes, (page) => !encoder.isFill(page))
      : 0;
    for (let done = 0; done < count; ) {
      const frame = await this.flow.open(encoder);
      done += encoder.encode(frame, address, versions, done, count, this.flow.isFull);
      if (this.flow.isFull(frame)) this.flow.close(pageBytes);
      await this.flow.hear();
    }
    if (partial !== 0)
      encoder.encodePartial(await this.flow.open(encoder), address + count * pageBytes, partial);
    this.image!.bytes += length;
  }

  /** Of the last page written so far. */
  private lastPageBytes(): number {
    const { pageBytes } = this.context;
    return (this.image?.bytes ?? 0) % pageBytes || pageBytes;
  }

  private summary(): StreamSummary {
    const images = this.finished.map(({ name, encoder }, image): ImageSummary => {
      const { number, nextPage, duplicatesInside, duplicatesBetween } = encoder;
      const { bytesOut, codecs } = this.queue.counts(number);
      const { bytes, digest } = this.ends[number]!;
      return {
        image,
        name,
        bytesIn: bytes,
        pages: nextPage,
        bytesOut,
        digest,
        duplicatesInside,
        duplicatesBetween,
        codecs: usedCounts(codecs),
      };
    });
    const codecs = emptyCounts();
    for (const { encoder } of this.finished) addCounts(codecs, this.queue.counts(encoder.number).codecs);
    return {
      bytesIn: images.reduce((sum, { bytesIn }) => sum + bytesIn, 0),
      bytesOut: this.queue.bytesOut,
      pages: images.reduce((sum, { pages }) => sum + pages, 0),
      encodeMs: this.settings.clock() - this.parts.startedAt,
      codecs: usedCounts(codecs),
      images,
      notes: this.parts.notes,
    };
  }
}
