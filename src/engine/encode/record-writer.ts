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

/**
 * Packed frames that wait for the output are written together, as many as it takes in this time: each write
 * waits for a turn of the event loop, which on a busy thread takes longer than to write 1 MiB to a file.
 */
const SHORT_WRITE_MS = 5;

/** Most entries of one index record, which keep its head well below a record's limit. */
const INDEX_ENTRIES = 10_000;

/** Bytes and counts of one image that were written. */
export interface WrittenCounts {
  bytesOut: number;
  readonly codecs: CodecCounts;
}

/** A frame that is packed, or waits for the output. */
interface WaitingFrame {
  readonly image: number;
  readonly firstPage: number;
  readonly pageCount: number;
  readonly ordinal: number;
  packed?: PackedFrame;
  isWritten?: true;
  /** The frame that comes right after this one in the stream. */
  next?: WaitingFrame;
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
  /** Bytes that the output took in a ms of the last write. */
  private bytesPerMs = 0;
  /** The frame after which nothing else was given to write. */
  private last: WaitingFrame | undefined;
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
    frame: Pick<FrameBuilder, 'pageCount'>,
    image: number,
    firstPage: number,
    pack: (ordinal: number) => Promise<PackedFrame>,
    onEnd: () => void,
  ): void {
    const { pageCount } = frame;
    const ordinal = this.ordinal++;
    const waiting: WaitingFrame = { image, firstPage, pageCount, ordinal };
    if (this.last) this.last.next = waiting;
    const packed = pack(ordinal);
    packed.then(
      (result) => {
        waiting.packed = result;
        this.waiting += result.bytes;
      },
      (cause) => this.options.life.fail(cause),
    );
    this.enqueue(async () => {
      if (waiting.isWritten) return;
      await packed;
      await this.writeFrames(this.together(waiting));
    }, onEnd);
    this.last = waiting;
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

  /** Return `frame` and the packed frames after it that are written with it: half of what waits at most. */
  private together(frame: WaitingFrame): WaitingFrame[] {
    const frames = [frame];
    const maxBytes = Math.min(this.waiting / 2, SHORT_WRITE_MS * this.bytesPerMs);
    let bytes = frame.packed!.bytes;
    for (let next = frame.next; next?.packed; next = next.next) {
      bytes += next.packed.bytes;
      if (bytes > maxBytes) break;
      frames.push(next);
    }
    return frames;
  }

  private async writeFrames(frames: readonly WaitingFrame[]): Promise<void> {
    const parts: Uint8Array[] = [];
    let { offset } = this;
    for (const { image, firstPage, pageCount, ordinal, packed } of frames) {
      const { bytes, counts } = packed!;
      this.index.push({ image, firstPage, pageCount, offset, ordinal });
      const written = this.counts(image);
      written.bytesOut += bytes;
      addCounts(written.codecs, counts);
      parts.push(...packed!.parts);
      offset += bytes;
    }
    const bytes = offset - this.offset;
    await this.write(parts);
    this.waiting -= bytes;
    for (const frame of frames) frame.isWritten = true;
  }

  private enqueue(task: () => void | Promise<void>, onEnd?: () => void): void {
    const { life } = this.options;
    this.last = undefined;
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
    this.bytesPerMs = bytes / Math.max(endMs - startMs, 0.1);
    this.writeStartMs = undefined;
    onWritten?.(bytes, startMs, endMs);
  }
}
