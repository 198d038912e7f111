import { createCodecContext } from '../codec/codec.js';
import { loadZstd, type Zstd } from '../codec/zstd.js';
import { digestText, ImageDigest } from '../dedup/image-digest.js';
import type { Kernels } from '../kernels/kernels.js';
import { PageferryError } from '../page/error.js';
import type { PageSink, PageSource } from '../page/source.js';
import { HEADER_BYTES, type ImageEnd, type ImageRecord, RECORD, RECORD_HEAD_BYTES, type StreamHeader } from '../stream/format.js';
import { readEnd, readImage, readImageEnd } from '../stream/image-records.js';
import {
  type RecordHead,
  readFrameHead,
  readHeader,
  readIndex,
  readRecordHead,
  readTrailer,
  recordSeed,
} from '../stream/records.js';
import { type BaseImage, digestBase } from './base.js';
import { CHUNK_BYTES } from './chunk-reader.js';
import { type CodecCounts, emptyCounts, usedCounts } from './counters.js';
import { FrameDecoder, packedLimit } from './frame-decoder.js';
import { type DecodeContext, ImageDecoder, type KnownImage } from './image-decoder.js';
import { Intake } from './intake.js';
import { kernelsWithin, whole } from './options.js';

const MIB = 1 << 20;

/** How to decode. Every field has a default. */
export interface DecoderOptions {
  /** Images that this side holds and the stream may refer to; they are proved by digest. */
  readonly bases?: readonly PageSource[];
  /** Largest frame to make room for, in bytes; default 32 MiB. */
  readonly maxFrameBytes?: number;
  /** Most bytes that all images together may claim; default 1 TiB. */
  readonly maxBytes?: number;
  /** A zstd of your own; default the best at hand. `null`: none. */
  readonly zstd?: Zstd | null;
}

/** An image as it was decoded and proved. */
export interface DecodedImage {
  readonly name: string;
  readonly bytes: number;
  readonly digest: Uint8Array;
}

export interface DecodeSummary {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly pages: number;
  readonly images: readonly DecodedImage[];
  /** Pages by codec as the stream has them; bytes are not told apart here. */
  readonly codecs: Partial<CodecCounts>;
}

/** Makes the sink for an image; called when the image is announced. `number` counts carried images only, from 0. */
export type OpenSink = (image: ImageRecord, number: number) => PageSink;

/** Decodes one stream, pushed in pieces of any size, into sinks. Nothing is finished under its name until all was proved. */
export class Decoder {
  private readonly intake: Intake;
  private header: StreamHeader | undefined;
  private context: DecodeContext | undefined;
  private record: RecordHead | undefined;
  private ordinal = 0;
  private readonly images: KnownImage[] = [];
  private readonly ends: ImageEnd[] = [];
  private readonly sinks: { sink: PageSink; bytes: number }[] = [];
  private current: ImageDecoder | undefined;
  private claimed = 0;
  private state: 'images' | 'ended' | 'complete' = 'images';
  private readonly counts = emptyCounts();
  private failure: unknown;
  /** Digested when the first base image is announced. */
  private bases: readonly BaseImage[] | undefined;

  /** @internal Use {@link createDecoder}. */
  constructor(
    private readonly kernels: Kernels,
    private readonly frames: FrameDecoder,
    private readonly data: number,
    private readonly openSink: OpenSink,
    private readonly limits: { readonly maxFrameBytes: number; readonly maxBytes: number },
    private readonly baseSources: readonly PageSource[],
  ) {
    this.intake = new Intake(kernels, data);
    this.intake.expect(HEADER_BYTES);
  }

  /**
   * Takes the stream's next bytes and decodes as far as they go.
   * @throws PageferryError what is wrong and where; every sink was told to abort
   */
  push(bytes: Uint8Array): void {
    if (this.failure !== undefined) throw this.failure;
    try {
      let from = 0;
      while (from < bytes.length) {
        if (this.state === 'complete')
          throw new PageferryError('bad-stream', `byte ${this.intake.position}: goes on after its end`);
        from += this.intake.take(bytes, from);
        if (this.intake.complete) this.advance();
      }
    } catch (error) {
      this.fail(error);
    }
  }

  /** The stream's bytes are all there. Finishes the images. @throws PageferryError when the stream is not whole */
  async finish(): Promise<DecodeSummary> {
    if (this.failure !== undefined) throw this.failure;
    try {
      if (this.state !== 'complete')
        throw new PageferryError('bad-stream', `ends at byte ${this.intake.position}, in the middle: truncated ${this.where()}`);
      for (const { sink, bytes } of this.sinks) await sink.finish(bytes);
      // They are whole: no later abort may take them back.
      this.sinks.length = 0;
    } catch (error) {
      this.fail(error);
    }
    const images = this.images.flatMap(({ record }, i) =>
      record.kind === 'base' ? [] : [{ name: record.name, ...this.ends[i]! }],
    );
    return {
      bytesIn: this.intake.position,
      bytesOut: images.reduce((sum, { bytes }) => sum + bytes, 0),
      pages: images.reduce((sum, { bytes }) => sum + Math.ceil(bytes / this.header!.pageBytes), 0),
      images,
      codecs: usedCounts(this.counts),
    };
  }

  /** Gives up: leaves nothing behind. */
  abort(): void {
    this.failure ??= new PageferryError('bad-argument', 'the decoder was aborted');
    for (const { sink } of this.sinks.splice(0)) {
      try {
        sink.abort();
      } catch {
        // What failed first is the error to report, and the other sinks must hear of it too.
      }
    }
  }

  private fail(error: unknown): never {
    this.failure = error;
    this.abort();
    throw error;
  }

  private where(): string {
    if (!this.header) return 'in the stream header';
    return `${this.record ? `in record ${this.ordinal}` : `before record ${this.ordinal}`}${this.state === 'ended' ? ', after the end record' : ''}`;
  }

  /** What was expected is there: header, record head, or a record's head and data. */
  private advance(): void {
    const { intake } = this;
    if (!this.header) {
      this.open(readHeader(intake.head, (bytes) => this.intake.check(bytes, [0, 0])[0]));
      intake.expect(RECORD_HEAD_BYTES);
    } else if (!this.record) {
      const record = readRecordHead(intake.head, `record ${this.ordinal}`);
      if (record.dataBytes > packedLimit(this.header.maxFrameBytes))
        throw new PageferryError(
          'bad-stream',
          `record ${this.ordinal}: ${record.dataBytes} bytes of data, more than its stream announced`,
        );
      this.record = record;
      intake.expect(record.headBytes, record.dataBytes);
      // A record may be empty of both: then nothing more has to come.
      if (intake.complete) this.advance();
    } else {
      const { type, headBytes, dataBytes, check } = this.record;
      const [low, high] = intake.check(intake.head, recordSeed(type, this.ordinal, headBytes, dataBytes));
      if (low !== check[0] || high !== check[1])
        throw new PageferryError('bad-stream', `record ${this.ordinal}: damaged or out of place, its check does not match`);
      this.take(this.record, intake.head);
      this.record = undefined;
      this.ordinal++;
      intake.expect(RECORD_HEAD_BYTES);
    }
  }

  private open(header: StreamHeader): void {
    const { maxFrameBytes } = this.limits;
    if (header.maxFrameBytes > maxFrameBytes)
      throw new PageferryError(
        'limit',
        `stream header: frames of up to ${header.maxFrameBytes} bytes, this reader takes ${maxFrameBytes}`,
      );
    this.header = header;
    this.frames.announced(header.maxFrameBytes);
    const { kernels } = this;
    const { pageBytes } = header;
    const perChunk = CHUNK_BYTES / pageBytes;
    const digest = new ImageDigest(kernels, pageBytes);
    const zeroDigests = kernels.reserve(16 * perChunk, 'zero digests');
    for (let i = 0; i < perChunk; i++)
      kernels.bytes.copyWithin(zeroDigests + 16 * i, digest.zeroPageDigest, digest.zeroPageDigest + 16);
    this.context = {
      kernels,
      pageBytes,
      frames: this.frames,
      digest,
      images: this.images,
      chunk: kernels.reserve(CHUNK_BYTES, 'chunk'),
      digests: kernels.reserve(16 * perChunk, 'digests'),
      zeroDigests,
      counts: this.counts,
    };
  }

  private take({ type, dataBytes }: RecordHead, head: Uint8Array): void {
    const what = `record ${this.ordinal}`;
    const allowed = this.state === 'images' ? type < RECORD.INDEX : type >= RECORD.INDEX;
    if (!allowed)
      throw new PageferryError(
        'bad-stream',
        `${what}: type ${type} ${this.state === 'images' ? 'before' : 'after'} the end record`,
      );
    if (type === RECORD.IMAGE) this.beginImage(readImage(head, what), what);
    else if (type === RECORD.PAGES) this.takePages(head, dataBytes, what);
    else if (type === RECORD.IMAGE_END) this.endImage(readImageEnd(head, what), what);
    else if (type === RECORD.END) this.end(readEnd(head, what), what);
    else if (type === RECORD.INDEX) readIndex(head, what);
    else {
      readTrailer(head, what);
      this.state = 'complete';
    }
  }

  private beginImage(record: ImageRecord, what: string): void {
    if (this.current)
      throw new PageferryError('bad-stream', `${what}: an image begins before image ${this.current.image.record.image} ends`);
    if (record.image !== this.images.length)
      throw new PageferryError('bad-stream', `${what}: image ${record.image}, expected ${this.images.length}`);
    if (record.kind === 'base') {
      this.takeBase(record);
      return;
    }
    this.claim(record.bytes ?? 0, record.name);
    const sink = this.openSink(record, this.sinks.length);
    this.sinks.push({ sink, bytes: 0 });
    const image: KnownImage = { record, bytes: 0, readAt: (into, position) => sink.readAt(into, position) };
    this.images.push(image);
    this.current = new ImageDecoder(this.context!, image, sink);
  }

  private takeBase(record: ImageRecord): void {
    const wanted = digestText(record.digest!);
    this.bases ??= this.baseSources.map((source) => digestBase(this.context!, source));
    const base = this.bases.find(({ digest }) => digestText(digest) === wanted);
    if (!base || base.bytes !== record.bytes) {
      const had = this.bases.map(({ source, digest }) => `${source.name} (${digestText(digest)})`).join(', ') || 'none';
      throw new PageferryError('wrong-base', `needs the base image "${record.name}" with digest ${wanted}; given: ${had}`);
    }
    const { source } = base;
    this.images.push({ record, bytes: base.bytes, readAt: (into, position) => source.readAt!(into, position) });
    this.ends.push({ bytes: base.bytes, digest: base.digest });
  }

  private takePages(head: Uint8Array, dataBytes: number, what: string): void {
    const frame = readFrameHead(head, what);
    const { current } = this;
    if (!current || frame.image !== current.image.record.image)
      throw new PageferryError('bad-stream', `${what}: pages of image ${frame.image}, which is not open`);
    const { record, bytes } = current.image;
    if (record.bytes === undefined) {
      const end = (frame.firstPage + frame.pageCount - 1) * this.header!.pageBytes + frame.lastPageBytes;
      this.claim(end - bytes, record.name);
    }
    current.frame(frame, this.data, dataBytes, `${what}, image ${frame.image}`);
    current.flush();
  }

  private endImage(end: ImageEnd & { image: number }, what: string): void {
    const { current } = this;
    if (!current || end.image !== current.image.record.image)
      throw new PageferryError('bad-stream', `${what}: ends image ${end.image}, which is not open`);
    const { record, bytes } = current.image;
    if (end.bytes !== bytes || (record.bytes !== undefined && record.bytes !== bytes))
      throw new PageferryError(
        'bad-stream',
        `${what}: image ${end.image} has ${bytes} bytes, announced were ${record.bytes ?? end.bytes}`,
      );
    const digest = this.context!.digest.finish(bytes);
    if (digestText(digest) !== digestText(end.digest))
      throw new PageferryError(
        'not-identical',
        `image ${end.image} "${record.name}": digest ${digestText(digest)}, sent was ${digestText(end.digest)}`,
      );
    this.ends.push({ bytes, digest });
    this.sinks[this.sinks.length - 1]!.bytes = bytes;
    this.current = undefined;
  }

  private end(ends: readonly ImageEnd[], what: string): void {
    if (this.current)
      throw new PageferryError('bad-stream', `${what}: the stream ends before image ${this.current.image.record.image}`);
    const same =
      ends.length === this.ends.length &&
      ends.every(({ bytes, digest }, i) => {
        const known = this.ends[i]!;
        return known.bytes === bytes && digestText(known.digest) === digestText(digest);
      });
    if (!same) throw new PageferryError('not-identical', `${what}: its images are not those that were decoded`);
    this.state = 'ended';
  }

  private claim(bytes: number, name: string): void {
    this.claimed += bytes;
    if (this.claimed > this.limits.maxBytes)
      throw new PageferryError(
        'limit',
        `image "${name}": images of ${this.claimed} bytes and more, this reader takes ${this.limits.maxBytes}`,
      );
  }
}

/** Makes a decoder that puts images into the sinks that `openSink` makes. */
export async function createDecoder(openSink: OpenSink, options: DecoderOptions = {}): Promise<Decoder> {
  const zstd = options.zstd === null ? undefined : (options.zstd ?? (await loadZstd()));
  const kernels = await kernelsWithin(decoderBytes(options), 'maxFrameBytes');
  return decoderIn(kernels, zstd, openSink, options);
}

/** Kernel memory that a decoder needs. @throws PageferryError `bad-argument` */
export function decoderBytes(options: DecoderOptions): number {
  return 2 * packedLimit(frameBytes(options)) + 6 * MIB;
}

/** Makes a decoder in kernels that are at hand: nothing is loaded, and nothing is expected of what their memory holds. */
export function decoderIn(kernels: Kernels, zstd: Zstd | undefined, openSink: OpenSink, options: DecoderOptions): Decoder {
  const { maxBytes = 2 ** 40 } = options;
  const maxFrameBytes = frameBytes(options);
  const data = kernels.reserve(packedLimit(maxFrameBytes), 'frame data');
  const frames = new FrameDecoder(createCodecContext(kernels), zstd, maxFrameBytes);
  return new Decoder(kernels, frames, data, openSink, { maxFrameBytes, maxBytes }, options.bases ?? []);
}

function frameBytes({ maxFrameBytes = 32 * MIB }: DecoderOptions): number {
  return whole('maxFrameBytes', maxFrameBytes, 0, 2 ** 32 - 1);
}
