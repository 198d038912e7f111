import { ImageDigest } from '../dedup/image-digest.js';
import type { Kernels } from '../kernels/kernels.js';
import { PageferryError } from '../page/error.js';
import type { PageSource } from '../page/source.js';
import { HEADER_BYTES, RECORD, RECORD_HEAD_BYTES, type StreamHeader } from '../stream/format.js';
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
import { CHUNK_BYTES } from './chunk-reader.js';
import { type CodecCounts, emptyCounts, usedCounts } from './counters.js';
import { type DecodedImage, DecodedImages, type OpenSink } from './decoded-images.js';
import { type FrameDecoder, packedLimit } from './frame-decoder.js';
import type { DecodeContext, KnownImage, PageObserver } from './image-decoder.js';
import { Intake } from './intake.js';

/** What a stream came to. */
export interface DecodeSummary {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly pages: number;
  readonly images: readonly DecodedImage[];
  /** Pages by codec as the stream has them; bytes are not told apart here. */
  readonly codecs: Partial<CodecCounts>;
}

/** Decodes one stream, pushed in pieces of any size, into sinks. Nothing is finished under its name until all was proved. */
export class Decoder {
  private readonly intake: Intake;
  private header: StreamHeader | undefined;
  private images: DecodedImages | undefined;
  private record: RecordHead | undefined;
  private ordinal = 0;
  private state: 'images' | 'ended' | 'complete' = 'images';
  private readonly counts = emptyCounts();
  private failure: unknown;

  /** @internal Use {@link createDecoder}. */
  constructor(
    private readonly kernels: Kernels,
    private readonly frames: FrameDecoder,
    private readonly data: number,
    private readonly openSink: OpenSink,
    private readonly limits: { readonly maxFrameBytes: number; readonly maxBytes: number },
    private readonly baseSources: readonly PageSource[],
    private readonly observe?: PageObserver,
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
      await this.images!.finish();
    } catch (error) {
      this.fail(error);
    }
    const images = this.images!.summaries;
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
    this.images?.abort();
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
    const images: KnownImage[] = [];
    const context: DecodeContext = {
      kernels,
      pageBytes,
      frames: this.frames,
      digest,
      images,
      chunk: kernels.reserve(CHUNK_BYTES, 'chunk'),
      digests: kernels.reserve(16 * perChunk, 'digests'),
      zeroDigests,
      counts: this.counts,
      observe: this.observe,
    };
    this.images = new DecodedImages(context, images, this.openSink, this.baseSources, this.limits.maxBytes);
  }

  private take({ type, dataBytes }: RecordHead, head: Uint8Array): void {
    const what = `record ${this.ordinal}`;
    const allowed = this.state === 'images' ? type < RECORD.INDEX : type >= RECORD.INDEX;
    if (!allowed)
      throw new PageferryError(
        'bad-stream',
        `${what}: type ${type} ${this.state === 'images' ? 'before' : 'after'} the end record`,
      );
    const images = this.images!;
    if (type === RECORD.IMAGE) images.begin(readImage(head, what), what);
    else if (type === RECORD.PAGES) images.pages(readFrameHead(head, what), this.data, dataBytes, what);
    else if (type === RECORD.IMAGE_END) images.endImage(readImageEnd(head, what), what);
    else if (type === RECORD.END) {
      images.end(readEnd(head, what), what);
      this.state = 'ended';
    } else if (type === RECORD.INDEX) readIndex(head, what);
    else {
      readTrailer(head, what);
      this.state = 'complete';
    }
  }
}
