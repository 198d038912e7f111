import type { CodecContext } from '../../codec/codec.js';
import type { Slots } from '../../kernels/arena.js';
import { checkBytes } from '../../page/check-bytes.js';
import { badArgument, PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { createYielder, throwIfAborted } from '../../page/sync.js';
import { RECORD, type RecordType, type StreamHeader } from '../../stream/format.js';
import { readEnd, readImage, readImageEnd } from '../../stream/image-records.js';
import { type RecordHead, readFrameHead, readIndex, readTrailer } from '../../stream/records.js';
import { type CodecCounts, emptyCounts, usedCounts } from '../frame/counters.js';
import { LifeCycle } from '../life-cycle.js';
import type { DecodeCosts, DecodeMeter } from '../threads/decode-meter.js';
import type { Threads } from '../threads/threads.js';
import type { DigestContext, DigestedBase } from './base-digest.js';
import { DecodeQueue } from './decode-queue.js';
import { type DecodedImage, DecodedImages, type OpenSink } from './decoded-images.js';
import type { FrameMemory, FrameSlot } from './frame-slots.js';
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
  readonly codec: CodecContext;
  readonly frames: FrameMemory;
  readonly meter: DecodeMeter;
  /** Create the threads, once the memory exists; `onFailure` is called with the first failure of one. */
  createThreads(onFailure: (cause: unknown) => void): Threads;
  /** Whether the caller supplied zstd, which then runs on the calling thread only. */
  readonly ownsZstd: boolean;
  /** Sized for the largest pages; the stream's header sets the page size. */
  readonly digesting: DigestContext;
  readonly openSink: OpenSink;
  readonly openContainer: OpenSink | undefined;
  readonly bases: readonly PageSource[];
  readonly digestedBases: readonly DigestedBase[] | undefined;
  readonly maxFrameBytes: number;
  readonly maxImageBytes: number;
  readonly onPages: PageObserver | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Decodes one stream, pushed in pieces of any size, into sinks. Sinks are finished only after the whole
 * stream is verified. Await each call before the next one; a call that overlaps another rejects. After a
 * failure or an abort all sinks are aborted, and every call rejects with the first cause.
 */
export class Decoder {
  private readonly parser: RecordParser;
  private readonly life: LifeCycle;
  private header: StreamHeader | undefined;
  private images: DecodedImages | undefined;
  private frames: DecodeQueue | undefined;
  private threads: Threads | undefined;
  private state: 'images' | 'ended' | 'complete' = 'images';
  private readonly counts = emptyCounts();
  private summary: DecodeSummary | undefined;

  /** @internal Use {@link createDecoder}. */
  constructor(
    slots: Slots,
    private readonly parts: DecoderParts,
  ) {
    const decoder = this;
    this.parser = new RecordParser(slots, 'images', parts.maxFrameBytes, {
      get complete() {
        return decoder.state === 'complete';
      },
      open: (header) => this.open(header),
      reserve: (position) => this.frames!.reserve(position),
      take: (record, head, label) => this.take(record, head, label),
    });
    // Last: it listens to the signal, so nothing may throw after it.
    this.life = new LifeCycle('decoder', parts.signal);
    this.life.onEnd(() => this.images?.abort());
    this.life.onEnd(() => this.threads?.close());
  }

  /** Cost of decoding so far; `destinationSpeed` turns it into the encoder's option `destination`. */
  get costs(): DecodeCosts {
    return this.parts.meter.costs;
  }

  /**
   * Decode the stream's next bytes, which must not change until the promise settles; yields every few ms.
   * With several threads, a later call may write the last frames' pages and throw their errors.
   * @throws PageferryError what is wrong and where; the error of a sink
   */
  async push(bytes: Uint8Array): Promise<void> {
    this.life.check('push');
    checkBytes('push', bytes);
    await this.life.run('push', undefined, async () => {
      try {
        await this.parser.push(bytes);
      } catch (cause) {
        await this.frames?.drain(); // throws an error of an earlier frame instead
        throw cause;
      }
    });
  }

  /**
   * End the stream and finish every image. A second call returns the same totals.
   * @throws PageferryError `bad-stream` if the stream is not complete; the error of a sink
   */
  async finish(): Promise<DecodeSummary> {
    if (this.summary) return this.summary;
    return await this.life.finish('finish', undefined, async () => {
      await this.frames?.drain();
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
  abort(reason: unknown = badArgument('the decoder was aborted')): void {
    this.life.fail(reason);
  }

  /**
   * End the decoder, finished or not, and wait until its threads have ended; not needed after `finish`. A
   * decoder with neither keeps its threads and memory, but not the process alive.
   */
  async close(): Promise<void> {
    await this.life.close();
  }

  private open(header: StreamHeader): void {
    const { codec, frames, digesting, onPages, ownsZstd, meter } = this.parts;
    const { signal } = this.life;
    const { pageBytes } = header;
    this.header = header;
    digesting.digest.setPageBytes(pageBytes);
    const yielder = createYielder();
    const yieldIfDue = () => yielder()?.then(() => throwIfAborted(signal));
    const known: KnownImage[] = [];
    const threads = this.parts.createThreads((cause) => this.life.fail(cause));
    this.threads = threads;
    const write = (frame: FrameSlot) => this.images!.writeFrame(frame);
    this.frames = new DecodeQueue(
      { threads, ownsZstd, write, yieldIfDue, signal },
      frames.divide(header.maxFrameBytes, pageBytes),
    );
    this.images = new DecodedImages(
      {
        ...digesting,
        pageBytes,
        codec,
        threads,
        images: known,
        counts: this.counts,
        onPages,
        meter,
        yieldIfDue: () => {
          const turn = yieldIfDue();
          if (!turn) return undefined;
          meter.decoded(0);
          return turn.then(() => meter.start());
        },
        signal,
      },
      known,
      this.frames,
      this.parts,
    );
  }

  private take({ type, dataBytes }: RecordHead, head: Uint8Array, label: string): void | Promise<void> {
    // A callback may have aborted the decoder: the other records of the pushed bytes are not decoded.
    throwIfAborted(this.life.signal);
    const isAllowed = this.state === 'images' ? type < RECORD.INDEX : type >= RECORD.INDEX;
    if (!isAllowed)
      throw new PageferryError(
        'bad-stream',
        `${label}: type ${type} ${this.state === 'images' ? 'before' : 'after'} the end record`,
      );
    if (type === RECORD.PAGES)
      return this.images!.addFrame(readFrameHead(head, label), head, dataBytes, label);
    if (this.frames!.isEmpty) return this.takeOther(type, head, label);
    return this.frames!.drain().then(() => this.takeOther(type, head, label));
  }

  /** Handle a record that is not a frame, after the pages of all frames before it are written. */
  private takeOther(type: RecordType, head: Uint8Array, label: string): void | Promise<void> {
    const images = this.images!;
    if (type === RECORD.IMAGE) return images.beginImage(readImage(head, label), label);
    if (type === RECORD.IMAGE_END) images.endImage(readImageEnd(head, label), label);
    else if (type === RECORD.END) {
      images.endStream(readEnd(head, label), label);
      this.state = 'ended';
    } else if (type === RECORD.INDEX) readIndex(head, label);
    else {
      readTrailer(head, label);
      this.state = 'complete';
    }
  }
}
