import { abortable, SerialQueue, throwIfAborted } from '../../page/sync.js';
import { type IndexEntry, RECORD, type RecordType } from '../../stream/format.js';
import { writeIndexEntry, writeTrailer } from '../../stream/records.js';
import { WireWriter } from '../../stream/wire.js';
import { addCounts, type CodecCounts, emptyCounts } from '../frame/counters.js';
import { type FrameBuilder, type PackedFrame, recordBytes } from '../frame/frame-builder.js';
import type { LifeCycle } from '../life-cycle.js';
import type { SegmentPacker } from '../pack/segment-packer.js';

/**
 * Output of a stream's bytes, called with them in order. The parts are valid until the call returns, or until
 * its promise settles. Pending promises are the back-pressure (`EncoderOptions.maxWrites`).
 */
export type Output = (parts: readonly Uint8Array[]) => void | Promise<void>;

/**
 * Duration of a write in which waiting frames are combined. Each write waits for a turn of the event loop,
 * which on a busy thread takes longer than writing 1 MiB to a file.
 */
const SHORT_WRITE_MS = 5;

/** Maximum entries of an index record; its head stays well below the limit of a record. */
const INDEX_ENTRIES = 10_000;

/** Written bytes of one image, and its pages and bytes by codec. */
export interface WrittenCounts {
  bytesOut: number;
  readonly codecs: CodecCounts;
}

/** A frame that is being packed or waits for the output. */
interface WaitingFrame {
  readonly image: number;
  readonly firstPage: number;
  readonly pageCount: number;
  readonly ordinal: number;
  /** Called once the frame was written or has failed. */
  readonly onEnd: () => void;
  packed?: PackedFrame;
  /** Set once the frame was given to the output. */
  isGiven?: true;
  /** The next record in the stream, if it is a frame. */
  next?: WaitingFrame;
}

/** Settings of a record writer. */
export interface RecordWriterOptions {
  readonly output: Output;
  /** Maximum number of writes in progress. */
  readonly maxWrites: number;
  readonly packer: SegmentPacker;
  /** Called at the end of each write. `startMs`: the later of its begin and the end of the write before. */
  readonly onWritten: ((bytes: number, startMs: number, endMs: number) => void) | undefined;
  readonly clock: () => number;
  /** The encoder's life, which the writer's first failure ends. */
  readonly life: LifeCycle;
}

/**
 * Writes records in the order of the calls, although frames are packed in parallel, and collects the index.
 */
export class RecordWriter {
  private readonly queue = new SerialQueue();
  private ordinal = 0;
  /** Bytes given to the output so far, and bytes whose write has ended. */
  private offset = 0;
  private takenBytes = 0;
  /** The last `maxWrites` writes, the oldest first; none rejects. */
  private readonly writes: Promise<void>[] = [];
  private inProgress = 0;
  private readonly index: IndexEntry[] = [];
  private readonly images: WrittenCounts[] = [];
  /** Bytes of packed frames whose write has not ended. */
  private waiting = 0;
  /** Ms of ended writes. */
  private writeMs = 0;
  /** While writes are in progress: the later of the first one's begin and the last end of a write. */
  private writeStartMs = 0;
  /** Rate of the last write. */
  private bytesPerMs = 0;
  /** The last record that was enqueued, if it is a frame. */
  private lastFrame: WaitingFrame | undefined;
  private stalledMs = 0;

  constructor(private readonly options: RecordWriterOptions) {}

  /** Bytes written so far. */
  get bytesOut(): number {
    return this.takenBytes;
  }

  /** Bytes of packed frames whose write has not ended. */
  get waitingBytes(): number {
    return this.waiting;
  }

  /** Ms of all `waitForOutput` calls in which a write was in progress. */
  get outputWaitMs(): number {
    return this.stalledMs;
  }

  /** Await `wait`, which ends when the output has taken a frame, and count the time as `outputWaitMs`. */
  async waitForOutput(wait: () => Promise<void>): Promise<void> {
    const before = this.busyMs();
    await wait();
    this.stalledMs += this.busyMs() - before;
  }

  counts(image: number): WrittenCounts {
    this.images[image] ??= { bytesOut: 0, codecs: emptyCounts() };
    return this.images[image]!;
  }

  /** Write the stream's header, which is not a record. */
  writeHeader(bytes: Uint8Array): void {
    this.enqueue(() => this.startWrite(() => [bytes]));
  }

  /** Write a record without data. `image`: the image that the record announces, for the index. */
  writeRecord(type: RecordType, head: Uint8Array, image?: number): void {
    const ordinal = this.ordinal++;
    const record = recordBytes(this.options.packer, type, ordinal, head);
    this.enqueue(() => {
      if (image !== undefined)
        this.index.push({ image, firstPage: 0, pageCount: 0, offset: this.offset, ordinal });
      return this.startWrite(() => [record]);
    });
  }

  /** Write a frame. Calls `pack` at once, and `onEnd` once the frame was written or has failed. */
  writeFrame(
    frame: Pick<FrameBuilder, 'pageCount'>,
    image: number,
    firstPage: number,
    pack: (ordinal: number) => Promise<PackedFrame>,
    onEnd: () => void,
  ): void {
    const { pageCount } = frame;
    const ordinal = this.ordinal++;
    const waiting: WaitingFrame = { image, firstPage, pageCount, ordinal, onEnd };
    if (this.lastFrame) this.lastFrame.next = waiting;
    const packed = pack(ordinal);
    packed.then(
      (result) => {
        waiting.packed = result;
        this.waiting += result.bytes;
      },
      (cause) => this.options.life.fail(cause),
    );
    this.enqueue(async () => {
      if (waiting.isGiven) return;
      await packed;
      await this.writeFrames(waiting);
    }).then(() => waiting.isGiven || onEnd());
    this.lastFrame = waiting;
  }

  /** Write the index and the trailer, which end a file. */
  writeIndex(): void {
    this.enqueue(async () => {
      const { packer } = this.options;
      const start = this.offset;
      for (let first = 0; first < this.index.length; first += INDEX_ENTRIES) {
        const head = new WireWriter();
        for (const entry of this.index.slice(first, first + INDEX_ENTRIES)) writeIndexEntry(head, entry);
        const record = recordBytes(packer, RECORD.INDEX, this.ordinal++, head.bytes);
        await this.startWrite(() => [record]);
      }
      const trailer = new WireWriter();
      writeTrailer(trailer, start);
      const record = recordBytes(packer, RECORD.TRAILER, this.ordinal++, trailer.bytes);
      await this.startWrite(() => [record]);
    });
  }

  /** Wait until everything so far is written. @throws the first failure */
  async drained(): Promise<void> {
    const { signal } = this.options.life;
    await abortable(this.queue.idle(), signal);
    await abortable(Promise.all(this.writes), signal);
  }

  /** Return the total ms in which at least one write was in progress. */
  private busyMs(): number {
    return this.writeMs + (this.inProgress === 0 ? 0 : this.options.clock() - this.writeStartMs);
  }

  /** Return `frame` and the packed frames to write with it: at most half of the waiting bytes. */
  private nextFrames(frame: WaitingFrame): WaitingFrame[] {
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

  /** Write `first` together with packed frames after it. */
  private writeFrames(first: WaitingFrame): Promise<void> {
    let frames: readonly WaitingFrame[] = [];
    const collect = () => {
      frames = this.nextFrames(first);
      let { offset } = this;
      return frames.flatMap((frame) => {
        const { image, firstPage, pageCount, ordinal, packed } = frame;
        const { bytes, counts, parts } = packed!;
        this.index.push({ image, firstPage, pageCount, offset, ordinal });
        const written = this.counts(image);
        written.bytesOut += bytes;
        addCounts(written.codecs, counts);
        offset += bytes;
        frame.isGiven = true;
        return parts;
      });
    };
    return this.startWrite(collect, (bytes) => {
      this.waiting -= bytes;
      for (const { onEnd } of frames) onEnd();
    });
  }

  /** Run `task`, which begins a write, once all earlier tasks have begun theirs. */
  private enqueue(task: () => Promise<void>): Promise<void> {
    const { life } = this.options;
    this.lastFrame = undefined;
    return this.queue.run(task, life.signal).catch((cause) => life.fail(cause));
  }

  /**
   * Begin a write of the parts that `collect` returns, once fewer than `maxWrites` are in progress. `onEnd`
   * is called when it has ended or failed.
   */
  private async startWrite(
    collect: () => readonly Uint8Array[],
    onEnd?: (bytes: number) => void,
  ): Promise<void> {
    const { output, clock, onWritten, life, maxWrites } = this.options;
    if (this.writes.length === maxWrites) await this.writes.shift();
    throwIfAborted(life.signal);
    const parts = collect();
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    this.offset += bytes;
    if (this.inProgress++ === 0) this.writeStartMs = clock();
    const onTaken = () => {
      const endMs = clock();
      const startMs = this.writeStartMs;
      this.takenBytes += bytes;
      this.writeMs += endMs - startMs;
      this.bytesPerMs = bytes / Math.max(endMs - startMs, 0.1);
      this.writeStartMs = endMs;
      this.inProgress--;
      onWritten?.(bytes, startMs, endMs);
    };
    const end = () => onEnd?.(bytes);
    const result = output(parts);
    if (result) {
      const taken = Promise.resolve(result).then(onTaken);
      this.writes.push(
        abortable(taken, life.signal)
          .catch((cause) => life.fail(cause))
          .then(end),
      );
      return;
    }
    onTaken();
    end();
  }
}
