import type { Slots } from '../../kernels/arena.js';
import { PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { createYielder, throwIfAborted } from '../../page/sync.js';
import { type FrameHead, RECORD, type StreamHeader } from '../../stream/format.js';
import { readEnd, readImage, readImageEnd } from '../../stream/image-records.js';
import { type RecordHead, readFrameHead, readIndex, readTrailer } from '../../stream/records.js';
import { type CodecCounts, emptyCounts, usedCounts } from '../frame/counters.js';
import type { FrameDecoder } from '../frame/frame-decoder.js';
import { LifeCycle } from '../life-cycle.js';
import type { DigestContext, DigestedBase } from './base-digest.js';
import type { DecodeCosts, DecodeMeter } from './decode-meter.js';
import { type DecodedImage, DecodedImages, type OpenSink } from './decoded-images.js';
import type { KnownImage, PageObserver } from './image-decoder.js';
import { RecordParser } from './record-parser.js';

/** Totals of a decoded stream. */
export interface DecodeSummary {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly pages: number;
  readonly images: readonly DecodedImage[];
  /** Pages by codec; their bytes are 0, since a decoder does not count bytes by codec. */
  readonly codecs: Partial<CodecCounts>;
}

/** @internal The parts and settings of a decoder. */
export interface DecoderParts {
  readonly frames: FrameDecoder;
  readonly meter: DecodeMeter;
  /** For pages of the largest size; the stream's header sets the size. */
  readonly digesting: DigestContext;
  /** Address for a frame's data. */
  readonly data: number;
  readonly openSink: OpenSink;
  readonly bases: readonly PageSource[];
  readonly digestedBases: readonly DigestedBase[] | undefined;
  readonly maxFrameBytes: number;
  readonly maxImageBytes: number;
  readonly onPages: PageObserver | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Decodes one stream, pushed in pieces of any size, into sinks. No sink is finished before the whole stream
 * is verified. Await each call before the next one; a call that overlaps another is refused. After a failure
 * or an abort every call rejects with the first cause, and every sink was aborted.
 */
export class Decoder {
  private readonly parser: RecordParser;
  private readonly life: LifeCycle;
  private header: StreamHeader | undefined;
  private images: DecodedImages | undefined;
  private state: 'images' | 'ended' | 'complete' = 'images';
  private readonly counts = emptyCounts();
  private summary: DecodeSummary | undefined;

  /** @internal Use {@link createDecoder}. */
  constructor(
    slots: Slots,
    private readonly parts: DecoderParts,
  ) {
    const decoder = this;
    this.parser = new RecordParser(slots, parts.data, 'images', parts.maxFrameBytes, {
      get complete() {
        return decoder.state === 'complete';
      },
      open: (header) => this.open(header),
      take: (record, head, what) => this.take(record, head, what),
    });
    // Last: it listens to the signal, so nothing may throw after it.
    this.life = new LifeCycle('decoder', parts.signal);
    this.life.onEnd(() => this.images?.abort());
  }

  /** What decoding has cost so far. A source that knows it does not send more than this decoder can take. */
  get costs(): DecodeCosts {
    return this.parts.meter.costs;
  }

  /**
   * Decode the stream's next bytes, which are in use until the promise settles; other events get a turn every
   * few milliseconds.
   * @throws PageferryError what is wrong and where; what a sink throws
   */
  async push(bytes: Uint8Array): Promise<void> {
    this.life.check('push');
    if (!(bytes instanceof Uint8Array))
      throw new PageferryError('bad-argument', `push: expected a Uint8Array, got ${typeof bytes}`);
    await this.life.run('push', undefined, async () => this.parser.push(bytes));
  }

  /**
   * End the stream and finish every image. A second call returns the same totals.
   * @throws PageferryError `bad-stream` when the stream is not complete; what a sink throws
   */
  async finish(): Promise<DecodeSummary> {
    if (this.summary) return this.summary;
    return await this.life.finish('finish', undefined, async () => {
      if (this.state !== 'complete')
        throw this.parser.truncated(this.state === 'ended' ? ', after the end record' : '');
      await this.images!.finish(this.life.signal);
      const images = this.images!.summaries;
      this.summary = {
        bytesIn: this.parser.position,
        bytesOut: images.reduce((sum, { bytes }) => sum + bytes, 0),
        pages: images.reduce((sum, { bytes }) => sum + Math.ceil(bytes / this.header!.pageBytes), 0),
        images,
        codecs: usedCounts(this.counts),
      };
      return this.summary;
    });
  }

  /** Discard all images: pending and later calls reject with `reason`. Has no effect on a finished stream. */
  abort(reason: unknown = new PageferryError('bad-argument', 'the decoder was aborted')): void {
    this.life.fail(reason);
  }

  private open(header: StreamHeader): void {
    const { frames, digesting, onPages, meter } = this.parts;
    const { signal } = this.life;
    this.header = header;
    frames.setMaxFrameBytes(header.maxFrameBytes);
    digesting.digest.setPageBytes(header.pageBytes);
    const yieldIfDue = createYielder();
    const known: KnownImage[] = [];
    this.images = new DecodedImages(
      {
        ...digesting,
        pageBytes: header.pageBytes,
        frames,
        images: known,
        counts: this.counts,
        onPages,
        yieldIfDue: () => {
          const turn = yieldIfDue();
          if (!turn) return undefined;
          meter.decoded(0);
          return turn.then(() => {
            meter.start();
            throwIfAborted(signal);
          });
        },
        signal,
      },
      known,
      this.parts,
    );
  }

  private take({ type, dataBytes }: RecordHead, head: Uint8Array, what: string): void | Promise<void> {
    // A callback may have aborted the decoder: no further record of this piece is decoded.
    throwIfAborted(this.life.signal);
    const isAllowed = this.state === 'images' ? type < RECORD.INDEX : type >= RECORD.INDEX;
    if (!isAllowed)
      throw new PageferryError(
        'bad-stream',
        `${what}: type ${type} ${this.state === 'images' ? 'before' : 'after'} the end record`,
      );
    const images = this.images!;
    if (type === RECORD.IMAGE) return images.begin(readImage(head, what), what);
    if (type === RECORD.PAGES) return this.pages(images, readFrameHead(head, what), dataBytes, what);
    if (type === RECORD.IMAGE_END) images.endImage(readImageEnd(head, what), what);
    else if (type === RECORD.END) {
      images.end(readEnd(head, what), what);
      this.state = 'ended';
    } else if (type === RECORD.INDEX) readIndex(head, what);
    else {
      readTrailer(head, what);
      this.state = 'complete';
    }
  }

  private async pages(
    images: DecodedImages,
    head: FrameHead,
    dataBytes: number,
    what: string,
  ): Promise<void> {
    const { meter, data } = this.parts;
    meter.start();
    await images.pages(head, data, dataBytes, what);
    meter.decoded((head.pageCount - 1) * this.header!.pageBytes + head.lastPageBytes);
  }
}
