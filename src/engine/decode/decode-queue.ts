import { throwIfAborted } from '../../page/sync.js';
import type { FrameHead } from '../../stream/format.js';
import type { Threads } from '../threads/threads.js';
import type { FrameSlot } from './frame-slots.js';

/** Maximum unpacked bytes of the frames in flight, for each thread. */
const MAX_THREAD_BYTES = 8 << 20;
/** Minimum bytes of an image for which workers are started: starting one takes as long as decoding 20 MiB. */
const MIN_THREADED_BYTES = 32 << 20;

/** Context of a queue of frames. */
export interface DecodeQueueContext {
  readonly threads: Threads;
  /** Whether the caller supplied zstd, which then runs on the calling thread only. */
  readonly ownsZstd: boolean;
  /** Write the pages of a frame. Called for the frames in order. */
  write(frame: FrameSlot): Promise<void>;
  /** Give other events a turn if the last one was some time ago. @throws the abort reason */
  yieldIfDue(): Promise<void> | undefined;
  readonly signal: AbortSignal;
}

/**
 * The frames of a stream in flight: threads unpack and decode frames ahead of the one that is being written.
 */
export class DecodeQueue {
  private readonly queued: FrameSlot[] = [];
  private queuedBytes = 0;
  private reserved: FrameSlot | undefined;
  private failure: { readonly cause: unknown } | undefined;

  constructor(
    private readonly context: DecodeQueueContext,
    private readonly free: FrameSlot[],
  ) {}

  /** Start workers if `bytes` bytes to decode are enough for them. */
  expect(bytes: number): void {
    if (bytes >= MIN_THREADED_BYTES) this.context.threads.prepare();
  }

  /**
   * Reserve a slot for the frame at `position` of the stream; return the address for its data. Writes frames
   * until a slot is free.
   */
  reserve(position: number): number | Promise<number> {
    this.reserved ??= this.free.pop();
    if (this.reserved) return this.reserved.reserve(position);
    return this.writeFirst().then(() => this.reserve(position));
  }

  /** Add the frame in the reserved slot. Resolves once the frames in flight are within the limit. */
  async add(
    head: FrameHead,
    headBytes: Uint8Array,
    dataBytes: number,
    expectedImage: number,
    label: string,
  ): Promise<void> {
    const { threads, ownsZstd } = this.context;
    const slot = this.reserved!;
    this.reserved = undefined;
    slot.take({ head, headBytes, dataBytes, expectedImage, label, isOwnZstd: ownsZstd });
    slot.start(threads);
    this.queued.push(slot);
    this.queuedBytes += slot.bytes;
    const maxBytes = threads.isLocal ? 0 : threads.count * MAX_THREAD_BYTES;
    while (this.queuedBytes > maxBytes) await this.writeFirst();
  }

  /** Whether the pages of all frames are written. */
  get isEmpty(): boolean {
    return this.queued.length === 0;
  }

  /** Write the pages of all queued frames. @throws the first failure */
  async drain(): Promise<void> {
    while (this.queued.length > 0) await this.writeFirst();
  }

  /** Wait until the next part of the frame is decoded; run jobs meanwhile. */
  async isReady(slot: FrameSlot): Promise<void> {
    const { threads, signal, yieldIfDue } = this.context;
    while (!slot.isReady) {
      if (threads.help()) await yieldIfDue();
      else if (!slot.isReady) await threads.ended(signal);
    }
  }

  private async writeFirst(): Promise<void> {
    const slot = this.queued[0]!;
    throwIfAborted(this.context.signal);
    if (this.failure) throw this.failure.cause;
    try {
      await this.context.write(slot);
    } catch (cause) {
      this.failure = { cause };
      throw cause;
    }
    this.queued.shift();
    this.queuedBytes -= slot.bytes;
    this.free.push(slot);
    await this.context.yieldIfDue();
  }
}
