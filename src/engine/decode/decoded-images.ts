import { digestText } from '../../dedup/image-digest.js';
import { PageferryError } from '../../page/error.js';
import type { PageSink, PageSource } from '../../page/source.js';
import type { FrameHead, ImageEnd, ImageRecord } from '../../stream/format.js';
import { type DigestedBase, digestBase } from './base-digest.js';
import { type DecodeContext, ImageDecoder, type KnownImage } from './image-decoder.js';

/** An image as it was decoded and proved. */
export interface DecodedImage {
  readonly name: string;
  readonly bytes: number;
  readonly digest: Uint8Array;
}

/** Makes the sink for an image; called when the image is announced. `number` counts carried images only, from 0. */
export type OpenSink = (image: ImageRecord, number: number) => PageSink;

/** The images of a stream while it is decoded: opens them, proves them, and holds them until the stream was proved whole. */
export class DecodedImages {
  private readonly ends: ImageEnd[] = [];
  private readonly sinks: { sink: PageSink; bytes: number }[] = [];
  private current: ImageDecoder | undefined;
  private claimed = 0;
  /** Digested when the first base image is announced. */
  private bases: readonly DigestedBase[] | undefined;

  constructor(
    private readonly context: DecodeContext,
    /** All images so far; the same array as in the context. */
    private readonly known: KnownImage[],
    private readonly openSink: OpenSink,
    private readonly baseSources: readonly PageSource[],
    private readonly maxImageBytes: number,
  ) {}

  /** The carried images. */
  get summaries(): readonly DecodedImage[] {
    return this.known.flatMap(({ record }, i) =>
      record.kind === 'base' ? [] : [{ name: record.name, ...this.ends[i]! }],
    );
  }

  /** Gives every image its name. */
  async finish(): Promise<void> {
    for (const { sink, bytes } of this.sinks) await sink.finish(bytes);
    // They are whole: no later abort may take them back.
    this.sinks.length = 0;
  }

  /** Leaves nothing behind. */
  abort(): void {
    for (const { sink } of this.sinks.splice(0)) {
      try {
        sink.abort();
      } catch {
        // What failed first is the error to report, and the other sinks must hear of it too.
      }
    }
  }

  /** An image is announced. */
  begin(record: ImageRecord, what: string): void {
    if (this.current)
      throw new PageferryError(
        'bad-stream',
        `${what}: an image begins before image ${this.current.image.record.image} ends`,
      );
    if (record.image !== this.known.length)
      throw new PageferryError('bad-stream', `${what}: image ${record.image}, expected ${this.known.length}`);
    if (record.kind === 'base') {
      this.takeBase(record);
      return;
    }
    this.claim(record.bytes ?? 0, record.name);
    const sink = this.openSink(record, this.sinks.length);
    this.sinks.push({ sink, bytes: 0 });
    const image: KnownImage = { record, bytes: 0, readAt: (into, position) => sink.readAt(into, position) };
    this.known.push(image);
    this.current = new ImageDecoder(this.context, image, sink);
  }

  private takeBase(record: ImageRecord): void {
    const wanted = digestText(record.digest!);
    this.bases ??= this.baseSources.map((source) => digestBase(this.context, source));
    const base = this.bases.find(({ digest }) => digestText(digest) === wanted);
    if (!base || base.bytes !== record.bytes) {
      const had =
        this.bases.map(({ source, digest }) => `${source.name} (${digestText(digest)})`).join(', ') || 'none';
      throw new PageferryError(
        'wrong-base',
        `needs the base image "${record.name}" with digest ${wanted}; given: ${had}`,
      );
    }
    const { source } = base;
    this.known.push({
      record,
      bytes: base.bytes,
      readAt: (into, position) => source.readAt!(into, position),
    });
    this.ends.push({ bytes: base.bytes, digest: base.digest });
  }

  /** A frame of pages, whose data stands at `data`. */
  pages(frame: FrameHead, data: number, dataBytes: number, what: string): void {
    const { current } = this;
    if (!current || frame.image !== current.image.record.image)
      throw new PageferryError('bad-stream', `${what}: pages of image ${frame.image}, which is not open`);
    const { record, bytes } = current.image;
    if (record.bytes === undefined) {
      const end = (frame.firstPage + frame.pageCount - 1) * this.context.pageBytes + frame.lastPageBytes;
      this.claim(end - bytes, record.name);
    }
    current.frame(frame, data, dataBytes, `${what}, image ${frame.image}`);
    current.flush();
  }

  /** The open image ends: it has to be what was sent. */
  endImage(end: ImageEnd & { image: number }, what: string): void {
    const { current } = this;
    if (!current || end.image !== current.image.record.image)
      throw new PageferryError('bad-stream', `${what}: ends image ${end.image}, which is not open`);
    const { record, bytes } = current.image;
    if (end.bytes !== bytes || (record.bytes !== undefined && record.bytes !== bytes))
      throw new PageferryError(
        'bad-stream',
        `${what}: image ${end.image} has ${bytes} bytes, announced were ${record.bytes ?? end.bytes}`,
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

  /** The stream ends: its images have to be those that were decoded. */
  end(ends: readonly ImageEnd[], what: string): void {
    if (this.current)
      throw new PageferryError(
        'bad-stream',
        `${what}: the stream ends before image ${this.current.image.record.image}`,
      );
    const same =
      ends.length === this.ends.length &&
      ends.every(({ bytes, digest }, i) => {
        const known = this.ends[i]!;
        return known.bytes === bytes && digestText(known.digest) === digestText(digest);
      });
    if (!same)
      throw new PageferryError('not-identical', `${what}: its images are not those that were decoded`);
  }

  private claim(bytes: number, name: string): void {
    this.claimed += bytes;
    if (this.claimed > this.maxImageBytes)
      throw new PageferryError(
        'limit',
        `image "${name}": images of ${this.claimed} bytes and more, this reader takes ${this.maxImageBytes}`,
      );
  }
}
