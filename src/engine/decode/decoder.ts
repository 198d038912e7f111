import { ImageDigest } from '../../dedup/image-digest.js';
import type { Kernels } from '../../kernels/kernels.js';
import { PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { RECORD, type StreamHeader } from '../../stream/format.js';
import { readEnd, readImage, readImageEnd } from '../../stream/image-records.js';
import { type RecordHead, readFrameHead, readIndex, readTrailer } from '../../stream/records.js';
import { CHUNK_BYTES } from '../frame/chunk.js';
import { type CodecCounts, emptyCounts, usedCounts } from '../frame/counters.js';
import type { FrameDecoder } from '../frame/frame-decoder.js';
import { type DecodedImage, DecodedImages, type OpenSink } from './decoded-images.js';
import type { DecodeContext, KnownImage, PageObserver } from './image-decoder.js';
import { RecordParser } from './record-parser.js';

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
  private readonly intake: RecordParser;
  private header: StreamHeader | undefined;
  private images: DecodedImages | undefined;
  private state: 'images' | 'ended' | 'complete' = 'images';
  private readonly counts = emptyCounts();
  private failure: unknown;

  /** @internal Use {@link createDecoder}. */
  constructor(
    private readonly kernels: Kernels,
    private readonly frames: FrameDecoder,
    private readonly data: number,
    private readonly openSink: OpenSink,
    private readonly limits: { readonly maxFrameBytes: number; readonly maxImageBytes: number },
    private readonly baseSources: readonly PageSource[],
    private readonly observe?: PageObserver,
  ) {
    const decoder = this;
    this.intake = new RecordParser(kernels, data, 'images', limits.maxFrameBytes, {
      get complete() {
        return decoder.state === 'complete';
      },
      open: (header) => this.open(header),
      take: (record, recordHead, what) => this.take(record, recordHead, what),
    });
  }

  /**
   * Takes the stream's next bytes and decodes as far as they go.
   * @throws PageferryError what is wrong and where; every sink was told to abort
   */
  push(bytes: Uint8Array): void {
    if (this.failure !== undefined) throw this.failure;
    try {
      this.intake.push(bytes);
    } catch (error) {
      this.fail(error);
    }
  }

  /** The stream's bytes are all there. Finishes the images. @throws PageferryError when the stream is not whole */
  async finish(): Promise<DecodeSummary> {
    if (this.failure !== undefined) throw this.failure;
    try {
      if (this.state !== 'complete')
        throw this.intake.truncated(this.state === 'ended' ? ', after the end record' : '');
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

  private open(header: StreamHeader): void {
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
    this.images = new DecodedImages(
      context,
      images,
      this.openSink,
      this.baseSources,
      this.limits.maxImageBytes,
    );
  }

  private take({ type, dataBytes }: RecordHead, head: Uint8Array, what: string): void {
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
