import { abortable, SerialQueue } from '../../page/sync.js';
import { type IndexEntry, RECORD, type RecordType } from '../../stream/format.js';
import { writeIndexEntry, writeTrailer } from '../../stream/records.js';
import { WireWriter } from '../../stream/wire.js';
import { addCounts, type CodecCounts, emptyCounts } from '../frame/counters.js';
import { type FrameBuilder, type PackedFrame, recordBytes } from '../frame/frame-builder.js';
import type { LifeCycle } from '../life-cycle.js';
import type { SegmentPacker } from '../pack/segment-packer.js';

/**
 * Destination of a stream's bytes, called with them in order. They are valid until the call returns, or until
 * its promise settles; a pending promise holds the encoder back.
 */
export type Output = (parts: readonly Uint8Array[]) => void | Promise<void>;

/** Most entries of one index record, which keep its head well below a record's limit. */
const INDEX_ENTRIES = 10_000;

/** Bytes and counts of one image that were written. */
export interface WrittenCounts {
  bytesOut: number;
  readonly codecs: CodecCounts;
}

/** Settings of a record writer. */
export interface RecordWriterOptions {
  readonly output: Output;
  readonly packer: SegmentPacker;
  /** Called with the duration of each write. */
  readonly onWritten: ((bytes: number, startMs: number, endMs: number) => void) | undefined;
  readonly clock: () => number;
  /** The encoder's life, which the writer's first failure ends. */
  readonly life: LifeCycle;
}

/** Writes records in the order of the calls, however long their packing takes, and keeps the index. */
export class RecordWriter {
  private readonly queue = new SerialQueue();
  private ordinal = 0;
  private offset = 0;
  private readonly index: IndexEntry[] = [];
  private readonly images: WrittenCounts[] = [];
  private waiting = 0;
  private writeMs = 0;
  private writeStartMs: number | undefined;
  private heldMs = 0;

  constructor(private readonly options: RecordWriterOptions) {}

  /** Bytes written so far. */
  get bytesOut(): number {
    return this.offset;
  }

  /** Bytes of packed frames that wait for the output. */
  get waitingBytes(): number {
    return this.waiting;
  }

  /** Ms in which the output held encoding up: the part of all `holdUp` in which a write was in progress. */
  get outputWaitMs(): number {
    return this.heldMs;
  }

  /** Wait for `wait`, which ends when the output has taken a frame. */
  async holdUp(wait: () => Promise<void>): Promise<void> {
    const before = this.busyMs();
    await wait();
    this.heldMs += this.busyMs() - before;
  }

  counts(image: number): WrittenCounts {
    this.images[image] ??= { bytesOut: 0, codecs: emptyCounts() };
    return this.images[image]!;
  }

  /** Write bytes that are not a record. */
  raw(bytes: Uint8Array): void {
    this.enqueue(() => this.write([bytes]));
  }

  /** Write a record without data. `image`: the record announces this image, and the index lists it. */
  record(type: RecordType, head: Uint8Array, image?: number): void {
    const ordinal = this.ordinal++;
    const record = recordBytes(this.options.packer, type, ordinal, head);
    this.enqueue(() => {
      if (image !== undefined)
        this.index.push({ image, firstPage: 0, pageCount: 0, offset: this.offset, ordinal });
      return this.write([record]);
    });
  }

  /**
   * Write a frame. `pack` starts at once, with the record's number; `onEnd` is called once it was written or
   * failed.
   */
  frame(
    frame: FrameBuilder,
    image: number,
    firstPage: number,
    pack: (ordinal: number) => Promise<PackedFrame>,
    onEnd: () => void,
  ): void {
    const ordinal = this.ordinal++;
    const { pageCount } = frame;
    const packed = pack(ordinal);
    packed.then(
      ({ bytes }) => {
        this.waiting += bytes;
      },
      (cause) => this.options.life.fail(cause),
    );
    this.enqueue(async () => {
      const { parts, bytes, counts } = await packed;
      this.index.push({ image, firstPage, pageCount, offset: this.offset, ordinal });
      const written = this.counts(image);
      written.bytesOut += bytes;
      addCounts(written.codecs, counts);
      await this.write(parts);
      this.waiting -= bytes;
    }, onEnd);
  }

  /** Write the index and the trailer, which end a file. */
  writeIndex(): void {
    this.enqueue(async () => {
      const { packer } = this.options;
      const start = this.offset;
      for (let first = 0; first < this.index.length; first += INDEX_ENTRIES) {
        const head = new WireWriter();
        for (const entry of this.index.slice(first, first + INDEX_ENTRIES)) writeIndexEntry(head, entry);
        await this.write([recordBytes(packer, RECORD.INDEX, this.ordinal++, head.bytes)]);
      }
      const trailer = new WireWriter();
      writeTrailer(trailer, start);
      await this.write([recordBytes(packer, RECORD.TRAILER, this.ordinal++, trailer.bytes)]);
    });
  }

  /** Wait until everything so far is written. @throws the first failure */
  drained(): Promise<void> {
    return abortable(this.queue.idle(), this.options.life.signal);
  }

  /** Return the ms of all writes so far, the one in progress included. */
  private busyMs(): number {
    const { writeMs, writeStartMs } = this;
    return writeStartMs === undefined ? writeMs : writeMs + this.options.clock() - writeStartMs;
  }

  private enqueue(task: () => void | Promise<void>, onEnd?: () => void): void {
    const { life } = this.options;
    this.queue
      .run(task, life.signal)
      .catch((cause) => life.fail(cause))
      .then(onEnd);
  }

  private async write(parts: readonly Uint8Array[]): Promise<void> {
    const { output, clock, onWritten, life } = this.options;
    const startMs = clock();
    this.writeStartMs = startMs;
    const result = output(parts);
    // The clock is read as soon as the bytes were taken: encoding may go on before this function does.
    const endMs = result ? await abortable(Promise.resolve(result).then(clock), life.signal) : clock();
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    this.offset += bytes;
    this.writeMs += endMs - startMs;
    this.writeStartMs = undefined;
    onWritten?.(bytes, startMs, endMs);
  }
}
