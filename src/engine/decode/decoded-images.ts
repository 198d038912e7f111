import { digestText } from '../../dedup/image-digest.js';
import { checkedSink } from '../../page/checked-sink.js';
import { PageferryError } from '../../page/error.js';
import type { PageSink, PageSource } from '../../page/source.js';
import { throwIfAborted } from '../../page/sync.js';
import { type FrameHead, type ImageEnd, type ImageRecord, MAX_IMAGES } from '../../stream/format.js';
import { type DigestedBase, digestBase, findBase, missingBase } from './base-digest.js';
import type { DecodeQueue } from './decode-queue.js';
import type { FrameSlot } from './frame-slots.js';
import { type DecodeContext, ImageDecoder, type KnownImage } from './image-decoder.js';
import { createMemorySink } from './memory-sink.js';

/** An image that was decoded and verified. */
export interface DecodedImage {
  readonly name: string;
  readonly bytes: number;
  readonly digest: Uint8Array;
}

/** Creates the sink of an image when its record arrives. `number` counts carried images only, from 0. */
export type OpenSink = (image: ImageRecord, number: number) => PageSink;

/** Settings of {@link DecodedImages}. */
export interface DecodedImagesOptions {
  readonly openSink: OpenSink;
  readonly openContainer: OpenSink | undefined;
  readonly bases: readonly PageSource[];
  /** Bases whose digests are known; absent: `bases` are digested when the first base image is announced. */
  readonly digestedBases: readonly DigestedBase[] | undefined;
  readonly maxImageBytes: number;
}

/**
 * The images of a stream that is being decoded. Their sinks are finished after the whole stream is verified.
 */
export class DecodedImages {
  private readonly ends: ImageEnd[] = [];
  private readonly sinks: { sink: PageSink; bytes: number }[] = [];
  /** Number of carried images: neither bases nor containers. */
  private carried = 0;
  private current: ImageDecoder | undefined;
  private claimedBytes = 0;
  private bases: readonly DigestedBase[] | undefined;

  constructor(
    private readonly context: DecodeContext,
    /** All images so far; the same array as `context.images`. */
    private readonly known: KnownImage[],
    private readonly frames: DecodeQueue,
    private readonly options: DecodedImagesOptions,
  ) {
    this.bases = options.digestedBases;
  }

  /** The carried images. */
  get summaries(): readonly DecodedImage[] {
    return this.known.flatMap(({ record }, i) =>
      record.kind === 'carried' ? [{ name: record.name, ...this.ends[i]! }] : [],
    );
  }

  /** Finish every sink. */
  async finish(signal: AbortSignal): Promise<void> {
    for (const { sink, bytes } of this.sinks) {
      await sink.finish(bytes);
      throwIfAborted(signal);
    }
    // The images are complete: a later abort does not discard them.
    this.sinks.length = 0;
  }

  /** Abort every sink. */
  abort(): void {
    for (const { sink } of this.sinks.splice(0)) {
      try {
        sink.abort();
      } catch {
        // The first failure is reported; the other sinks have to be aborted too.
      }
    }
  }

  /** Begin an image. */
  beginImage(record: ImageRecord, label: string): void | Promise<void> {
    if (this.current)
      throw badStream(`${label}: an image begins before image ${this.current.image.record.image} ends`);
    if (record.image !== this.known.length)
      throw badStream(`${label}: image ${record.image}, expected ${this.known.length}`);
    if (record.image === MAX_IMAGES)
      throw new PageferryError('limit', `${label}: a stream has at most ${MAX_IMAGES} images`);
    const before = this.known.at(-1)?.record;
    if (before?.kind === 'container' && record.kind !== 'carried')
      throw badStream(`${label}: the image of container ${before.image} is missing`);
    if (record.kind === 'base') return this.addBase(record);
    this.claim(record.bytes ?? 0, record.name);
    const sink = checkedSink(this.openSink(record), record.name);
    this.sinks.push({ sink, bytes: 0 });
    const { signal } = this.context;
    if (signal.aborted) {
      this.abort(); // `openSink` aborted the decoder: the other sinks were aborted before this one was open
      throw signal.reason;
    }
    const image: KnownImage = { record, bytes: 0, readAt: (into, position) => sink.readAt(into, position) };
    this.known.push(image);
    this.current = new ImageDecoder(this.context, image, sink, this.frames);
    this.frames.expect(record.bytes ?? 0);
  }

  /** Open the sink of an image; a container has the number of its image. */
  private openSink(record: ImageRecord): PageSink {
    const { openSink, openContainer } = this.options;
    if (record.kind === 'carried') return openSink(record, this.carried++);
    return openContainer ? openContainer(record, this.carried) : createMemorySink(record.name);
  }

  private async addBase(record: ImageRecord): Promise<void> {
    const bases = await this.digestBases();
    const base = findBase(bases, record);
    if (!base) throw missingBase(record, bases);
    const { source } = base;
    this.known.push({
      record,
      bytes: base.bytes,
      readAt: (into, position) => source.readAt!(into, position),
    });
    this.ends.push({ bytes: base.bytes, digest: base.digest });
  }

  private async digestBases(): Promise<readonly DigestedBase[]> {
    if (this.bases) return this.bases;
    const bases: DigestedBase[] = [];
    for (const source of this.options.bases)
      bases.push(await digestBase(this.context, source, { signal: this.context.signal }));
    this.bases = bases;
    return bases;
  }

  /** Check a frame and add it to the queue, which has its data. */
  addFrame(frame: FrameHead, headBytes: Uint8Array, dataBytes: number, label: string): Promise<void> {
    const { current } = this;
    if (!current || frame.image !== current.image.record.image)
      throw badStream(`${label}: pages of image ${frame.image}, which is not open`);
    const { record } = current.image;
    if (record.bytes === undefined) {
      const end = (frame.firstPage + frame.pageCount - 1) * this.context.pageBytes + frame.lastPageBytes;
      this.claim(end - current.framesBytes, record.name);
      this.frames.expect(end);
    }
    const place = `${label}, image ${frame.image}`;
    current.follow(frame, place);
    return this.frames.add(frame, headBytes, dataBytes, record.parent ?? 0, place);
  }

  /** Write the pages of the queue's next frame. */
  writeFrame(frame: FrameSlot): Promise<void> {
    return this.current!.writeFrame(frame);
  }

  /** End the open image; compare its size and digest with what was sent. */
  endImage(end: ImageEnd & { image: number }, label: string): void {
    const { current } = this;
    if (!current || end.image !== current.image.record.image)
      throw badStream(`${label}: ends image ${end.image}, which is not open`);
    const { record, bytes } = current.image;
    if (end.bytes !== bytes || (record.bytes !== undefined && record.bytes !== bytes))
      throw badStream(
        `${label}: image ${end.image} has ${bytes} bytes, announced were ${record.bytes ?? end.bytes}`,
      );
    const digest = this.context.digest.finish(bytes);
    if (digestText(digest) !== digestText(end.digest))
      throw new PageferryError(
        'not-identical',
        `image ${end.image} "${record.name}": digest ${digestText(digest)}, sent was ${digestText(end.digest)}`,
      );
    this.ends.push({ bytes, digest });
    this.sinks[this.sinks.length - 1]!.bytes = bytes;
    this.current = undefined;
  }

  /** End the stream: compare the images that it lists with those that were decoded. */
  endStream(ends: readonly ImageEnd[], label: string): void {
    if (this.current)
      throw badStream(`${label}: the stream ends before image ${this.current.image.record.image}`);
    if (this.known.at(-1)?.record.kind === 'container')
      throw badStream(`${label}: the stream ends before the image of its container`);
    const isSame =
      ends.length === this.ends.length &&
      ends.every(({ bytes, digest }, i) => {
        const known = this.ends[i]!;
        return known.bytes === bytes && digestText(known.digest) === digestText(digest);
      });
    if (!isSame)
      throw new PageferryError('not-identical', `${label}: its images are not those that were decoded`);
  }

  private claim(bytes: number, name: string): void {
    const { maxImageBytes } = this.options;
    this.claimedBytes += bytes;
    if (this.claimedBytes > maxImageBytes)
      throw new PageferryError(
        'limit',
        `image "${name}": ${this.claimedBytes} bytes of images, more than maxImageBytes (${maxImageBytes}); raise it`,
      );
  }
}

function badStream(message: string): PageferryError {
  return new PageferryError('bad-stream', message);
}
