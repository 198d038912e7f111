import { abortable, SerialQueue } from '../../page/sync.js';
import { RECORD, type RecordType } from '../../stream/format.js';
import { writeTrailer } from '../../stream/records.js';
import { WireWriter } from '../../stream/wire.js';
import { addCounts, type CodecCounts, emptyCounts } from '../frame/counters.js';
import { type FrameBuilder, type PackedFrame, recordBytes } from '../frame/frame-builder.js';
import type { SegmentPacker } from '../pack/segment-packer.js';
import { IndexCollector } from './index-collector.js';
import { OutputWrites, type OutputWritesOptions } from './output-writes.js';
import { type WaitingFrame, WaitingFrames } from './waiting-frames.js';

/**
 * Duration of a write in which waiting frames are combined. Each write waits for a turn of the event loop,
 * which on a busy thread takes longer than writing 1 MiB to a file.
 */
const SHORT_WRITE_MS = 5;

/** Written bytes of one image, and its pages and bytes by codec. */
export interface WrittenCounts {
  bytesOut: number;
  readonly codecs: CodecCounts;
}

/** Settings of a record writer. */
export interface RecordWriterOptions extends OutputWritesOptions {
  readonly packer: SegmentPacker;
}

/** Writes records in the order of the calls, although frames are packed in parallel. */
export class RecordWriter {
  private readonly queue = new SerialQueue();
  private readonly writes: OutputWrites;
  private readonly frames = new WaitingFrames();
  private readonly index = new IndexCollector();
  private readonly images: WrittenCounts[] = [];
  private ordinal = 0;

  constructor(private readonly options: RecordWriterOptions) {
    this.writes = new OutputWrites(options);
  }

  /** Bytes written so far. */
  get bytesOut(): number {
    return this.writes.endedBytes;
  }

  /** Bytes of packed frames whose write has not ended. */
  get waitingBytes(): number {
    return this.frames.packedBytes;
  }

  /** Ms of all `waitForOutput` calls in which a write was in progress. */
  get outputWaitMs(): number {
    return this.writes.waitMs;
  }

  /** Await `wait`, which ends when the output has taken a frame, and count the time as `outputWaitMs`. */
  waitForOutput(wait: () => Promise<void>): Promise<void> {
    return this.writes.waitFor(wait);
  }

  counts(image: number): WrittenCounts {
    this.images[image] ??= { bytesOut: 0, codecs: emptyCounts() };
    return this.images[image]!;
  }

  /** Write the stream's header, which is not a record. */
  writeHeader(bytes: Uint8Array): void {
    this.frames.endRun();
    this.enqueue(() => this.writes.start(() => [bytes]));
  }

  /** Write a record without data. `image`: the image that the record announces, for the index. */
  writeRecord(type: RecordType, head: Uint8Array, image?: number): void {
    const ordinal = this.ordinal++;
    const record = recordBytes(this.options.packer, type, ordinal, head);
    this.frames.endRun();
    this.enqueue(() => {
      const offset = this.writes.givenBytes;
      if (image !== undefined) this.index.add({ image, firstPage: 0, pageCount: 0, offset, ordinal });
      return this.writes.start(() => [record]);
    });
  }

  /** Write a frame. Calls `pack` at once, and `onEnd` once the frame was written or has failed. */
  writeFrame(
    { pageCount }: Pick<FrameBuilder, 'pageCount'>,
    image: number,
    firstPage: number,
    pack: (ordinal: number) => Promise<PackedFrame>,
    onEnd: () => void,
  ): void {
    const ordinal = this.ordinal++;
    const frame: WaitingFrame = { image, firstPage, pageCount, ordinal, onEnd };
    this.frames.add(frame);
    const packed = pack(ordinal);
    packed.then(
      (result) => this.frames.setPacked(frame, result),
      (cause) => this.options.life.fail(cause),
    );
    this.enqueue(async () => {
      if (frame.isGiven) return;
      await packed;
      await this.writeFrames(frame);
    }).then(() => frame.isGiven || onEnd());
  }

  /** Write the index and the trailer, which end a file. */
  writeIndex(): void {
    this.frames.endRun();
    this.enqueue(async () => {
      const start = this.writes.givenBytes;
      for (const head of this.index.recordHeads()) await this.startRecord(RECORD.INDEX, head);
      const trailer = new WireWriter();
      writeTrailer(trailer, start);
      await this.startRecord(RECORD.TRAILER, trailer.bytes);
    });
  }

  /** Wait until everything so far is written. @throws the first failure */
  async drained(): Promise<void> {
    await abortable(this.queue.idle(), this.options.life.signal);
    await this.writes.ended();
  }

  /** Begin the write of a record that is the next one in the stream. */
  private startRecord(type: RecordType, head: Uint8Array): Promise<void> {
    const record = recordBytes(this.options.packer, type, this.ordinal++, head);
    return this.writes.start(() => [record]);
  }

  /** Write `first` together with packed frames after it. */
  private writeFrames(first: WaitingFrame): Promise<void> {
    let frames: readonly WaitingFrame[] = [];
    const collect = () => {
      frames = this.frames.select(first, SHORT_WRITE_MS * this.writes.bytesPerMs);
      let offset = this.writes.givenBytes;
      return frames.flatMap((frame) => {
        const { image, firstPage, pageCount, ordinal, packed } = frame;
        const { bytes, counts, parts } = packed!;
        this.index.add({ image, firstPage, pageCount, offset, ordinal });
        const written = this.counts(image);
        written.bytesOut += bytes;
        addCounts(written.codecs, counts);
        offset += bytes;
        frame.isGiven = true;
        return parts;
      });
    };
    return this.writes.start(collect, (bytes) => {
      this.frames.packedBytes -= bytes;
      for (const { onEnd } of frames) onEnd();
    });
  }

  /** Run `task`, which begins a write, once all earlier tasks have begun theirs. */
  private enqueue(task: () => Promise<void>): Promise<void> {
    const { life } = this.options;
    return this.queue.run(task, life.signal).catch((cause) => life.fail(cause));
  }
}
