import type { CacheStats } from '../../dedup/remote-page-cache.js';
import { valueText } from '../../page/checked-source.js';
import { badArgument } from '../../page/error.js';
import { Signal } from '../../page/sync.js';
import { GUEST, RECORD } from '../../stream/format.js';
import { writeImage, writeImageEnd } from '../../stream/image-records.js';
import { writePageNumbers } from '../../stream/page-numbers.js';
import { writeHeader } from '../../stream/records.js';
import { WireWriter } from '../../stream/wire.js';
import { type FrameBuilder, recordBytes, TABLE_TARGET_BYTES } from '../frame/frame-builder.js';
import type { FrameContext } from '../frame/pack-content.js';
import { checkInteger } from '../options.js';
import type { Threads } from '../threads/threads.js';
import type { BatchEncoder, BatchEncoderOptions } from './batch-encoder.js';
import type { Batch, PackedBatch, PageSender } from './page-sender.js';

/** The parts of a sender that hold memory and threads; dropped when it is closed. */
export interface SenderParts {
  readonly encoder: BatchEncoder;
  /** Frames that are not in use. */
  readonly free: FrameBuilder[];
  readonly context: FrameContext;
  readonly threads: Threads;
  /** Capacity of a segment, in bytes. */
  readonly capacity: number;
}

/** @internal Use `createPageSender`. */
export class LiveSender implements PageSender {
  private parts: SenderParts | undefined;
  private failure: { readonly cause: unknown } | undefined;
  private closing: Promise<void> | undefined;
  private phase: 'created' | 'begun' | 'ended' = 'created';
  private readonly frameFreed = new Signal();
  private isWaiting = false;
  private ordinal = 0;
  /** Pages of the guest. */
  private pages = 0;
  private stats: CacheStats = { lookups: 0, hits: 0 };

  constructor(
    parts: SenderParts,
    private readonly options: BatchEncoderOptions,
  ) {
    this.parts = parts;
  }

  get buffer(): Uint8Array {
    return this.working('buffer').encoder.buffer;
  }

  get cache(): CacheStats {
    return this.parts?.encoder.remote.stats ?? this.stats;
  }

  begin(name: string, pages: number): Uint8Array {
    const { context, capacity } = this.working('begin', 'created');
    const { pageBytes } = this.options;
    if (typeof name !== 'string') throw badArgument(`begin: name: expected a string, got ${valueText(name)}`);
    checkInteger('begin: pages', pages, 1, Math.floor(Number.MAX_SAFE_INTEGER / pageBytes));
    const header = new WireWriter();
    writeHeader(header, 'live', { pageBytes, maxFrameBytes: capacity + TABLE_TARGET_BYTES });
    header.u32(context.packer.checkOfBytes(header.bytes)[0]);
    const image = new WireWriter();
    writeImage(image, {
      image: GUEST,
      kind: 'carried',
      name,
      parent: undefined,
      bytes: pages * pageBytes,
      digest: undefined,
    });
    header.put(recordBytes(context.packer, RECORD.IMAGE, this.ordinal++, image.bytes));
    this.pages = pages;
    this.phase = 'begun';
    return header.bytes.slice();
  }

  async batch(pages: ArrayLike<number>, keepsLast = false): Promise<Batch> {
    const { free } = this.working('batch', 'begun');
    this.checkBatch('batch', pages);
    if (this.isWaiting) throw badArgument('batch: called while the previous call has not resolved');
    this.isWaiting = true;
    try {
      await this.frameFreed.until(() => free.length > 0);
    } finally {
      this.isWaiting = false;
    }
    return this.guarded(() => this.packBatch(this.working('batch', 'begun'), pages, keepsLast));
  }

  shouldBypass(): boolean {
    this.working('shouldBypass');
    const { strategy, state, base } = this.options;
    // With a base image, most pages are expected to be references to it.
    return !base && (strategy.shouldBypass?.(state) ?? false);
  }

  bypass(pages: ArrayLike<number>, keepsLast = false): ArrayLike<number> {
    const { encoder } = this.working('bypass', 'begun');
    this.checkBatch('bypass', pages);
    return this.guarded(() => encoder.bypass(pages, keepsLast));
  }

  switchBuffer(): void {
    this.working('switchBuffer').encoder.switchBuffer();
  }

  markPresent(page: number, at = 0): void {
    const { encoder } = this.working('markPresent');
    this.checkPresent('markPresent', page, at);
    this.guarded(() => encoder.markPresent(page, at));
  }

  isPresent(page: number, at = 0): boolean {
    const { encoder } = this.working('isPresent');
    this.checkPresent('isPresent', page, at);
    return encoder.isPresent(page, at);
  }

  invalidate(page: number): void {
    const { encoder } = this.working('invalidate');
    this.checkPresent('invalidate', page, 0);
    encoder.remote.invalidate(page);
  }

  end(): Uint8Array {
    const { encoder, context } = this.working('end', 'begun');
    const bytes = this.pages * this.options.pageBytes;
    const head = new WireWriter();
    writeImageEnd(head, GUEST, { bytes, digest: encoder.remote.digestOfGuest(bytes) });
    this.phase = 'ended';
    return recordBytes(context.packer, RECORD.IMAGE_END, this.ordinal++, head.bytes);
  }

  close(): Promise<void> {
    this.closing ??= this.release();
    return this.closing;
  }

  private async release(): Promise<void> {
    this.stats = this.cache;
    const { parts } = this;
    this.parts = undefined;
    this.fail(badArgument('the page sender was closed'));
    await parts?.threads.close();
  }

  private packBatch(
    { encoder, free, context }: SenderParts,
    pages: ArrayLike<number>,
    keepsLast: boolean,
  ): Batch {
    const frame = free.pop()!;
    encoder.encode(frame, pages, keepsLast);
    const numbers = new WireWriter();
    writePageNumbers(numbers, pages);
    const record = recordBytes(context.packer, RECORD.PAGE_NUMBERS, this.ordinal++, numbers.bytes);
    let isReleased = false;
    const release = () => {
      if (isReleased) return;
      isReleased = true;
      free.push(frame);
      this.frameFreed.notify();
    };
    const packed = frame.pack(context, this.ordinal++, this.options.pageBytes).then(
      ({ parts, bytes, counts }): PackedBatch => {
        return { parts: [record, ...parts], bytes: record.length + bytes, counts, release };
      },
      (cause) => {
        throw this.fail(cause);
      },
    );
    // A rejection before the caller awaits `packed` must not be unhandled.
    packed.catch(() => {});
    return { packed };
  }

  /** Run a step. If it fails, the sender fails: its cache may differ from the receiver's. */
  private guarded<T>(step: () => T): T {
    try {
      return step();
    } catch (cause) {
      throw this.fail(cause);
    }
  }

  /**
   * Record the first failure, which every later call throws, and reject a pending `batch`; return `cause`.
   */
  private fail(cause: unknown): unknown {
    this.failure ??= { cause };
    this.frameFreed.close(this.failure.cause);
    return cause;
  }

  /**
   * Return the parts.
   * @throws the first failure; PageferryError `bad-argument` in another phase than `phase`
   */
  private working(method: string, phase = this.phase): SenderParts {
    if (this.failure) throw this.failure.cause;
    if (phase !== this.phase)
      throw badArgument(
        `${method}: called ${this.phase === 'created' ? 'before begin' : this.phase === 'ended' ? 'after end' : 'twice'}`,
      );
    return this.parts!;
  }

  private checkBatch(method: string, pages: ArrayLike<number>): void {
    const { batchPages } = this.options;
    if (!Number.isInteger(pages?.length))
      throw badArgument(`${method}: expected an array of page numbers, got ${valueText(pages)}`);
    if (pages.length < 1 || pages.length > batchPages)
      throw badArgument(`${method}: ${pages.length} pages, expected 1 … ${batchPages}`);
    for (let i = 0; i < pages.length; i++) this.checkPage(method, pages[i]!);
  }

  /** Check a page and its index in the buffer. Before `begin` the number of pages is not known. */
  private checkPresent(method: string, page: number, at: number): void {
    const { batchPages } = this.options;
    if (this.phase !== 'created') this.checkPage(method, page);
    else if (!Number.isInteger(page) || page < 0)
      throw badArgument(`${method}: page ${page}, expected a page number`);
    if (!Number.isInteger(at) || at < 0 || at >= batchPages)
      throw badArgument(`${method}: index ${at}, expected 0 … ${batchPages - 1}`);
  }

  private checkPage(method: string, page: number): void {
    if (!Number.isInteger(page) || page < 0 || page >= this.pages)
      throw badArgument(`${method}: page ${page}, the guest has ${this.pages}`);
  }
}
