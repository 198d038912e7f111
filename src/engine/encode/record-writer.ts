import { type IndexEntry, RECORD, type RecordType } from '../../stream/format.js';
import { writeIndexEntry, writeTrailer } from '../../stream/records.js';
import { WireWriter } from '../../stream/wire.js';
import { addCounts, type CodecCounts, emptyCounts } from '../frame/counters.js';
import { type FrameBuilder, type PackedFrame, recordBytes } from '../frame/frame-builder.js';
import type { SegmentPacker } from '../pack/segment-packer.js';

/** Takes a stream's bytes, in order; they are only good until the call is done, or its promise. */
export type Output = (parts: readonly Uint8Array[]) => void | Promise<void>;

/** Entries of one index record: its head stays well under a record's limit. */
const INDEX_ENTRIES = 10_000;

/** Counts of one image, or of all. */
export interface WrittenCounts {
  bytesOut: number;
  readonly codecs: CodecCounts;
}

/** Writes records in the order in which they were queued, however long their packing takes; keeps the index. */
export class RecordWriter {
  private tail: Promise<void> = Promise.resolve();
  private failure: unknown;
  private ordinal = 0;
  private offset = 0;
  private readonly index: IndexEntry[] = [];
  private readonly images: WrittenCounts[] = [];
  private waiting = 0;

  constructor(
    private readonly output: Output,
    private readonly packer: SegmentPacker,
    /** Told how long writes take. */
    private readonly taken: ((bytes: number, beganMs: number, endedMs: number) => void) | undefined,
    private readonly clock: () => number,
  ) {}

  /** Bytes written so far. */
  get bytesOut(): number {
    return this.offset;
  }

  /** Bytes of frames that are packed and wait for the output. */
  get waitingBytes(): number {
    return this.waiting;
  }

  counts(image: number): WrittenCounts {
    this.images[image] ??= { bytesOut: 0, codecs: emptyCounts() };
    return this.images[image]!;
  }

  /** Queues bytes that are no record. */
  raw(bytes: Uint8Array): void {
    this.enqueue(() => this.write([bytes]));
  }

  /** Queues a record without data. `image`: its place goes into the index, as an image's. */
  record(type: RecordType, head: Uint8Array, image?: number): void {
    const ordinal = this.ordinal++;
    const record = recordBytes(this.packer, type, ordinal, head);
    this.enqueue(() => {
      if (image !== undefined)
        this.index.push({ image, firstPage: 0, pageCount: 0, offset: this.offset, ordinal });
      return this.write([record]);
    });
  }

  /** Queues a frame. `pack` starts at once and is given the record's number; `done` is called when it was written or failed. */
  frame(
    frame: FrameBuilder,
    image: number,
    firstPage: number,
    pack: (ordinal: number) => Promise<PackedFrame>,
    done: () => void,
  ): void {
    const ordinal = this.ordinal++;
    const { pageCount } = frame;
    const packed = pack(ordinal);
    packed.then(
      ({ bytes }) => {
        this.waiting += bytes;
      },
      () => {},
    );
    this.enqueue(async () => {
      const { parts, bytes, counts } = await packed;
      this.index.push({ image, firstPage, pageCount, offset: this.offset, ordinal });
      const of = this.counts(image);
      of.bytesOut += bytes;
      addCounts(of.codecs, counts);
      await this.write(parts);
      this.waiting -= bytes;
    }, done);
  }

  /** Queues the index and the trailer that ends a file. */
  writeIndex(): void {
    this.enqueue(async () => {
      const start = this.offset;
      for (let first = 0; first < this.index.length; first += INDEX_ENTRIES) {
        const head = new WireWriter();
        for (const entry of this.index.slice(first, first + INDEX_ENTRIES)) writeIndexEntry(head, entry);
        await this.write([recordBytes(this.packer, RECORD.INDEX, this.ordinal++, head.bytes)]);
      }
      const trailer = new WireWriter();
      writeTrailer(trailer, start);
      await this.write([recordBytes(this.packer, RECORD.TRAILER, this.ordinal++, trailer.bytes)]);
    });
  }

  /** Waits for all that was queued. @throws whatever packing or the output failed with */
  async drained(): Promise<void> {
    await this.tail;
    if (this.failure !== undefined) throw this.failure;
  }

  /** @throws what writing failed with, so that no more work is done for nothing */
  check(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  private enqueue(job: () => void | Promise<void>, done?: () => void): void {
    this.tail = this.tail.then(async () => {
      try {
        if (this.failure === undefined) await job();
      } catch (error) {
        this.failure = error ?? new Error('output failed');
      }
      done?.();
    });
  }

  private async write(parts: readonly Uint8Array[]): Promise<void> {
    const beganMs = this.clock();
    await this.output(parts);
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    this.offset += bytes;
    this.taken?.(bytes, beganMs, this.clock());
  }
}
