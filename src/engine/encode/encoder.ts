import { checkBytes } from '../../page/check-bytes.js';
import { checkedSource } from '../../page/checked-source.js';
import { badArgument, PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { throwIfAborted } from '../../page/sync.js';
import { type ImageEnd, type ImageRecord, MAX_IMAGES, RECORD } from '../../stream/format.js';
import { nameBytes, writeEnd, writeImage, writeImageEnd } from '../../stream/image-records.js';
import { writeHeader } from '../../stream/records.js';
import { WireWriter } from '../../stream/wire.js';
import { checkInteger } from '../options.js';
import type { Chunk } from './chunk.js';
import { EncodeQueue, isLarge } from './encode-queue.js';
import type { EncoderParts } from './encoder-parts.js';
import { ImageBytes } from './image-bytes.js';
import { ImageEncoder } from './image-encoder.js';
import { ImageWriter, type ImageWriterContext } from './image-writer.js';
import { type EncodedImage, type StreamSummary, streamSummary } from './summary.js';

/** Options of {@link Encoder.encode}. */
export interface EncodeOptions {
  /** Number of the parent: the earlier image to compare with page by page; default the image before. */
  readonly parent?: number;
  /**
   * The bytes of the image's file that are not memory (`container` of a source that `openImage` returns). A
   * receiver rebuilds the file from them.
   */
  readonly container?: PageSource | undefined;
  /**
   * Whether no image follows; default false. Saves memory for an image of more than `indexPages` pages, whose
   * digests (16 bytes a page) are otherwise kept for later images.
   */
  readonly isLast?: boolean;
  /** Aborts the encoder with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Encodes images into one stream. Await each call before the next one. After a failure, an abort or
 * `close()`, every call rejects with the first cause, and the threads end; `close()` waits until they have
 * ended. A call with PageferryError `bad-argument` (it overlaps another call, is out of order, names no
 * image, …) changes nothing.
 */
export class Encoder {
  private image: ImageWriter | undefined;
  private imageKind: 'carried' | 'container' = 'carried';
  private readonly ends: ImageEnd[] = [];
  private readonly carried: EncodedImage[] = [];
  private readonly imageBytes: ImageBytes;
  private lastImage: number | undefined;
  private lastContainer: number | undefined;
  private readonly queue: EncodeQueue;
  private readonly writing: ImageWriterContext;

  /** @internal Use {@link createEncoder}. */
  constructor(private readonly parts: EncoderParts) {
    const { settings, frame, writer, threads, frames, life, zeros, progress, meter, workerStart } = parts;
    const { pageBytes, maxGroupBytes, maxFrameBytes, frameLimitBytes } = settings;
    this.queue = new EncodeQueue(
      { free: frames, frame, writer, threads, pageBytes, maxGroupBytes, frameLimitBytes },
      life.signal,
    );
    this.imageBytes = new ImageBytes(settings.maxImageBytes, settings.expectedBytes);
    const checkLimit = (name: string, bytes: number) => this.imageBytes.check(name, bytes);
    this.writing = { pageBytes, queue: this.queue, zeros, progress, meter, workerStart, checkLimit };
    const header = new WireWriter();
    writeHeader(header, 'images', { pageBytes, maxFrameBytes });
    header.u32(frame.packer.checkOfBytes(header.bytes)[0]);
    writer.writeHeader(header.bytes);
  }

  /** Bytes of the stream that the output has taken. */
  get bytesOut(): number {
    return this.parts.writer.bytesOut;
  }

  /**
   * Add a base image, which the receiver has too: only its digest is sent, and later images can refer to its
   * pages. The last base is the default parent of the first image. A source with `readAt` must stay open
   * until `finish`.
   * @throws the source's error; the reason of `signal`; PageferryError
   */
  async base(source: PageSource, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { life, reader, meter, image: context } = this.parts;
    this.mustHaveNoImage('base');
    const checked = checkedSource(source);
    throwIfAborted(options.signal);
    const { number, encoder } = this.begin(checked.name, checked, undefined);
    await life.run('base', options.signal, async () => {
      const learn = async (chunk: Chunk) => {
        meter.enter();
        if (chunk.bytes > 0) encoder.learn(chunk);
        if (chunk.zeros > 0) encoder.learnZeros(chunk.zeros, this.parts.zeros);
        meter.leave(chunk.bytes + chunk.zeros, false);
      };
      const bytes = await reader.read(checked, undefined, learn, life.signal, encoder.lookUps.prepareBase);
      const digest = context.digest.finish(bytes);
      const { name } = checked;
      this.announce({ image: number, kind: 'base', name, parent: undefined, bytes, digest });
      this.ends.push({ bytes, digest });
      this.lastImage = number;
    });
  }

  /**
   * Encode one image, the whole source. A source with `readAt` must stay open until `finish`: its pages are
   * read again when later images refer to them.
   * @throws the error of the source or the output; the reason of `signal`; PageferryError
   */
  async encode(source: PageSource, options: EncodeOptions = {}): Promise<void> {
    this.mustHaveNoImage('encode');
    const checked = checkedSource(source);
    const container = options.container && checkedSource(options.container);
    throwIfAborted(options.signal);
    const { parent = this.lastImage, isLast } = options;
    this.checkParent(checked.name, parent);
    const startImage = () => this.startImage(checked, checked.name, checked.bytes, parent, 'carried', isLast);
    if (container)
      this.startImage(container, container.name, container.bytes, this.lastContainer, 'container', isLast);
    else startImage();
    await this.parts.life.run('encode', options.signal, async () => {
      await this.readImage(container ?? checked);
      if (!container) return;
      startImage();
      await this.readImage(checked);
    });
  }

  /** Encode the open image from its source. */
  private async readImage(source: PageSource): Promise<void> {
    const { life, reader, image: context } = this.parts;
    const image = this.image!;
    const { parent, lookUps } = image.encoder;
    const parentSource = parent === undefined ? undefined : context.references.image(parent)?.source;
    await reader.read(
      source,
      parentSource,
      (chunk) => image.encodeChunk(chunk),
      life.signal,
      lookUps.prepare,
    );
    this.closeImage();
  }

  /**
   * Begin an image whose pages the caller passes to {@link write}, and which {@link endImage} ends. `bytes`:
   * its size, if known. `parent`: as for `encode`.
   */
  beginImage(name: string, options: { readonly bytes?: number; readonly parent?: number } = {}): void {
    this.mustHaveNoImage('beginImage');
    if (typeof name !== 'string')
      throw badArgument(`beginImage: the name has to be a string, got ${typeof name}`);
    const { bytes, parent } = options;
    if (bytes !== undefined) checkInteger('bytes', bytes, 0, Number.MAX_SAFE_INTEGER);
    this.startImage(undefined, name, bytes, parent ?? this.lastImage);
  }

  /** Encode the next pages of the image; only the last call may end with a shorter page. */
  async write(pages: Uint8Array, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { life, reader, settings } = this.parts;
    life.check('write');
    const image = this.mustHaveImage('write');
    checkBytes('write', pages);
    if (image.bytes % settings.pageBytes !== 0)
      throw badArgument(`write: a page of ${image.lastPageBytes} bytes was the image's last`);
    await life.run('write', options.signal, async () => {
      for (let done = 0; done < pages.length; done += reader.chunkBytes) {
        const part = pages.subarray(done, done + reader.chunkBytes);
        const chunk = await reader.copyIn(part, image.bytes, image.encoder.lookUps.prepare, life.signal);
        try {
          await image.encodeChunk(chunk);
        } finally {
          chunk.release();
        }
      }
    });
  }

  /** Pack and write all pages so far, so that a receiver can decode them. */
  async flush(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { life, writer } = this.parts;
    await life.run('flush', options.signal, () => {
      if (this.image) this.queue.close(this.image.lastPageBytes);
      return writer.drained();
    });
  }

  /** End the image that `beginImage` began. */
  async endImage(): Promise<void> {
    const { life } = this.parts;
    life.check('endImage');
    const { name, bytes, announced } = this.mustHaveImage('endImage');
    if (announced !== undefined && bytes !== announced)
      throw badArgument(`endImage: "${name}" was announced with ${announced} bytes, got ${bytes}`);
    await life.run('endImage', undefined, async () => this.closeImage());
  }

  /** End the stream with its digests and index, and return its totals. Only `close` may follow. */
  async finish(options: { readonly signal?: AbortSignal } = {}): Promise<StreamSummary> {
    const { life, writer, settings, startedAt, timeline, notes } = this.parts;
    this.mustHaveNoImage('finish');
    return await life.finish('finish', options.signal, async () => {
      const head = new WireWriter();
      writeEnd(head, this.ends);
      writer.writeRecord(RECORD.END, head.bytes);
      writer.writeIndex();
      await writer.drained();
      const encodeMs = settings.clock() - startedAt;
      return streamSummary(this.carried, writer, { encodeMs, notes, timeline: timeline?.finish(encodeMs) });
    });
  }

  /**
   * Release the encoder's threads; not needed after `finish`. Before it, the stream stays incomplete and
   * pending calls reject. An encoder with neither keeps its threads and memory, but not the process alive.
   */
  async close(): Promise<void> {
    await this.parts.life.close();
  }

  private mustHaveNoImage(call: string): void {
    this.parts.life.check(call);
    if (this.image) throw badArgument(`${call}: image ${this.image.encoder.number} is still open`);
  }

  private mustHaveImage(call: string): ImageWriter {
    if (!this.image) throw badArgument(`${call}: no image is open`);
    return this.image;
  }

  /** Begin an image or a base: give it a number and an encoder. @throws PageferryError before any change */
  private begin(name: string, source: PageSource | undefined, parent: number | undefined, isLast = false) {
    const { image: context } = this.parts;
    const number = context.references.count;
    this.checkParent(name, parent);
    if (number === MAX_IMAGES)
      throw new PageferryError('limit', `${name}: a stream has at most ${MAX_IMAGES} images`);
    nameBytes(name);
    context.digest.start();
    const encoder = new ImageEncoder(context, number, parent, context.references.add(source, isLast));
    return { number, encoder };
  }

  private checkParent(name: string, parent: number | undefined): void {
    const { count } = this.parts.image.references;
    if (parent === undefined || (Number.isInteger(parent) && parent >= 0 && parent < count)) return;
    throw badArgument(`${name}: parent ${parent}, expected an image before ${count}`);
  }

  private startImage(
    source: PageSource | undefined,
    name: string,
    bytes: number | undefined,
    parent: number | undefined,
    kind: 'carried' | 'container' = 'carried',
    isLast = false,
  ): void {
    this.imageBytes.check(name, bytes ?? 0);
    const { number, encoder } = this.begin(name, source, parent, isLast);
    Object.assign(this.parts.progress, this.imageBytes.rest(bytes, isLast));
    this.parts.workerStart.begin(bytes, isLarge(this.parts.settings.maxGroupBytes));
    this.announce({ image: number, kind, name, parent, bytes, digest: undefined });
    this.image = new ImageWriter(this.writing, name, encoder, bytes);
    this.imageKind = kind;
  }

  private announce(record: ImageRecord): void {
    const head = new WireWriter();
    writeImage(head, record);
    this.parts.writer.writeRecord(RECORD.IMAGE, head.bytes, record.image);
  }

  private closeImage(): void {
    const { name, encoder, bytes, lastPageBytes } = this.image!;
    const { meter } = this.parts;
    meter.enter();
    this.queue.close(lastPageBytes);
    meter.leave();
    const end = { bytes, digest: this.parts.image.digest.finish(bytes) };
    const head = new WireWriter();
    writeImageEnd(head, encoder.number, end);
    this.parts.writer.writeRecord(RECORD.IMAGE_END, head.bytes);
    this.ends.push(end);
    this.imageBytes.add(bytes);
    this.image = undefined;
    if (this.imageKind === 'container') {
      this.lastContainer = encoder.number;
      return;
    }
    this.carried.push({ name, encoder, end });
    this.lastImage = encoder.number;
  }
}
