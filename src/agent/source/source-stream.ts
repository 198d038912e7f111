import { FRAME } from '../../channel/frame.js';
import type { PageSender } from '../../engine/live/page-sender.js';
import { SerialQueue, throwIfAborted } from '../../page/sync.js';
import { TARGET_PAGE_BYTES } from '../../qemu/format.js';
import { QemuStreamReader } from '../../qemu/stream-reader.js';
import { BlockMap } from '../block-map.js';
import { BatchSize } from '../flow/batch-size.js';
import type { ChannelSender } from '../flow/channel-sender.js';
import { MAIN } from '../flow/in-flight-window.js';
import { checkGuestBytes } from '../guest-limit.js';
import { blocksBytes, passThroughBytes, recordHead } from '../messages.js';
import type { RoundStats } from '../stats.js';
import { BatchSender } from './batch-sender.js';
import { PageBatch } from './page-batch.js';
import { SendQueue } from './send-queue.js';
import { type PageTaker, Staging, type Step } from './staging.js';

/** Queued bytes that belong to no batch; more of them pause reading from QEMU. */
const MAX_QUEUED_BYTES = 256 << 10;
export const RUNS_ON_SOURCE = 'the guest keeps running on the source';

/** Parts of a migration that a source stream uses. */
export interface SourceStreamOptions {
  readonly channel: ChannelSender;
  readonly sender: PageSender;
  readonly batchPages: number;
  readonly maxGuestBytes: number;
  readonly stats: RoundStats;
  readonly log: (level: 'info' | 'warn', message: string) => void;
  readonly signal: AbortSignal;
  /** Resolve when it is known whether all of QEMU's pages are in this stream. */
  readonly beforeDigest: () => Promise<void>;
  /** Called when sending failed. */
  readonly onFailure: (cause: unknown) => void;
}

/** Reports of the return path. */
interface AnswerState {
  readonly hasReturnPath: boolean;
  readonly hasSucceeded: boolean;
}

/**
 * QEMU's main connection on its path into the channel: pages in batches, encoded against what the destination
 * has; everything else unchanged and in its place. At the end of each of QEMU's sections everything before it
 * is sent.
 */
export class SourceStream implements PageTaker {
  private readonly staging = new Staging(this);
  private readonly reader = new QemuStreamReader(this.staging);
  private readonly queue: SendQueue;
  private readonly batches: BatchSender;
  private readonly batch: PageBatch;
  private readonly batchSize: BatchSize;
  /** One piece is processed at a time: `passThrough` is called while QEMU's bytes are pushed. */
  private readonly turns = new SerialQueue();
  private map: BlockMap | undefined;
  private passThroughReason: string | undefined;
  private isPostcopy = false;
  private isWhole = false;
  /** QEMU sent xbzrle records, whose pages no digest covers. */
  private hasXbzrle = false;

  constructor(private readonly options: SourceStreamOptions) {
    const { channel, sender, batchPages, stats, signal, onFailure } = options;
    this.queue = new SendQueue(MAX_QUEUED_BYTES, onFailure, signal);
    this.batchSize = new BatchSize(batchPages);
    this.batches = new BatchSender(channel, sender, this.queue, this.batchSize, signal);
    this.batch = new PageBatch(sender, stats);
  }

  /** Pages of the guest; 0: not known yet. */
  get guestPages(): number {
    return this.map?.pages ?? 0;
  }

  /** POSTCOPY_ADVISE was sent. */
  get advisesPostcopy(): boolean {
    return this.staging.advisesPostcopy;
  }

  /** End the stream. Return where it broke off, if it did. */
  finish(): string | undefined {
    const brokeOff = this.reader.finish();
    this.isWhole = brokeOff === undefined;
    return brokeOff;
  }

  /**
   * Where the guest is if the migration fails now. `hasReturnPath`: the source's QEMU learns of the failure;
   * `hasSucceeded`: it has received the report that the destination's QEMU runs the guest.
   */
  guestState({ hasReturnPath, hasSucceeded }: AnswerState): string {
    if (hasSucceeded) return "the destination's QEMU has reported that it runs the guest";
    if (this.isPostcopy)
      return 'the guest runs on the destination, and pages that were not sent are only on the source';
    return this.isWhole && !hasReturnPath
      ? "everything was sent, so the source's QEMU may report success"
      : RUNS_ON_SOURCE;
  }

  /** Send the next bytes. @throws the cause that ended the migration */
  push(bytes: Uint8Array): Promise<void> {
    return this.turns.run(async () => {
      this.options.stats.streamBytes += bytes.length;
      this.staging.begin(bytes);
      this.reader.push(bytes);
      await this.processSteps();
    });
  }

  /** Called while bytes are pushed: the page joins the batch, unless it has to wait. */
  takePage(block: number, page: number, bytes: Uint8Array, at: number): boolean {
    if (this.isPostcopy || !this.hasSpace()) return false;
    this.batch.add(block, this.map!.numberOf(block, page), bytes, at);
    return true;
  }

  takeFill(block: number, page: number, value: number): boolean {
    if (this.isPostcopy || !this.hasSpace()) return false;
    this.batch.addFill(block, this.map!.numberOf(block, page), value);
    return true;
  }

  /** Pass the rest of the stream through uncoded: it does not have all of the guest's pages. */
  async passThrough(reason: string): Promise<void> {
    this.passThroughReason ??= reason;
    await this.turns.run(async () => {
      this.reader.stopParsing(reason);
      await this.processSteps();
    });
  }

  /** Resolve when everything so far is sent. */
  async drained(): Promise<void> {
    await this.turns.run(() => this.sendBatch());
    await this.queue.idle();
  }

  private async processSteps(): Promise<void> {
    const { staging } = this;
    try {
      // Most steps end synchronously: awaiting each of them would take longer than the step.
      for (const step of staging.steps) {
        const working = this.process(step);
        if (working) await working;
      }
    } finally {
      staging.clear();
    }
    throwIfAborted(this.options.signal);
  }

  private process(step: Step): Promise<void> | undefined {
    switch (step.kind) {
      case 'literal':
        return this.literal(step.bytes.slice(step.from, step.to));
      case 'page':
        return this.page(step.block, step.page, step.bytes, step.from);
      case 'fill':
        return this.fill(step.block, step.page, step.value);
      case 'xbzrle':
        return this.xbzrle(step.block, step.page, step.bytes.slice(step.from, step.to));
      case 'blocks':
        return this.begin(new BlockMap(step.blocks));
      case 'flush':
        return this.sendBatch();
      case 'postcopy':
        this.isPostcopy = true;
        return this.unread('postcopy: every page is sent at once', 'info');
      case 'devices':
        return this.sendDigest();
      case 'opaque':
        return this.unread(step.reason, 'warn');
    }
  }

  private async literal(bytes: Uint8Array): Promise<void> {
    await this.sendBatch();
    await this.queue.add(bytes.length, () => this.options.channel.sendLiteral(MAIN, bytes));
  }

  private async begin(map: BlockMap): Promise<void> {
    const { sender, channel, log, maxGuestBytes } = this.options;
    checkGuestBytes(map, maxGuestBytes);
    this.map = map;
    const first = sender.begin('RAM', map.pages);
    await this.queue.add(0, async () => {
      await channel.send(MAIN, FRAME.BLOCKS, blocksBytes(map.blocks));
      await channel.sendPages([first]);
    });
    log(
      'info',
      `the guest has ${Math.round(map.bytes / 2 ** 20)} MiB of memory in ${map.blocks.length} blocks`,
    );
  }

  private async unread(reason: string, level: 'info' | 'warn'): Promise<void> {
    const { channel, log } = this.options;
    await this.sendBatch();
    log(level, `pass-through from here on: ${reason}`);
    const body = passThroughBytes({ postcopy: this.isPostcopy, reason });
    await this.queue.add(0, () => channel.send(MAIN, FRAME.PASS_THROUGH, body));
  }

  private page(block: number, page: number, bytes: Uint8Array, from: number): Promise<void> | undefined {
    if (this.isPostcopy) {
      const head = recordHead(this.map!.numberOf(block, page), 'page');
      return this.record(block, head, bytes.slice(from, from + TARGET_PAGE_BYTES));
    }
    if (!this.hasSpace()) return this.sendBatch().then(() => this.page(block, page, bytes, from));
    this.batch.add(block, this.map!.numberOf(block, page), bytes, from);
    return undefined;
  }

  private fill(block: number, page: number, value: number): Promise<void> | undefined {
    if (this.isPostcopy)
      return this.record(block, recordHead(this.map!.numberOf(block, page), 'fill', value));
    if (!this.hasSpace()) return this.sendBatch().then(() => this.fill(block, page, value));
    this.batch.addFill(block, this.map!.numberOf(block, page), value);
    return undefined;
  }

  /** QEMU encoded the page itself, so its content is unknown here. */
  private async xbzrle(block: number, page: number, bytes: Uint8Array): Promise<void> {
    await this.sendBatch();
    if (!this.hasXbzrle)
      this.options.log(
        'warn',
        'QEMU sends xbzrle records: they pass through, and no digest covers their pages',
      );
    this.hasXbzrle = true;
    const number = this.map!.numberOf(block, page);
    this.options.sender.invalidate(number);
    await this.record(block, recordHead(number, 'xbzrle'), bytes);
  }

  private async record(
    block: number,
    head: Uint8Array,
    bytes: Uint8Array = new Uint8Array(0),
  ): Promise<void> {
    this.batch.setBlock(block);
    await this.queue.add(bytes.length, () => this.options.channel.send(MAIN, FRAME.RECORD, head, bytes));
  }

  /** Whether the batch takes another page. */
  private hasSpace(): boolean {
    if (this.batch.isEmpty) {
      const bypass = this.options.sender.shouldBypass();
      const { bytesPerMs } = this.options.channel.window.path;
      this.batch.begin(this.batchSize.pages(bytesPerMs, bypass), bypass);
    }
    return !this.batch.isFull;
  }

  private async sendBatch(): Promise<void> {
    if (this.batch.isEmpty) return;
    const { pages, ...options } = this.batch.take();
    await this.batches.send(pages, options);
  }

  /** Send the digest of all RAM, which the destination verifies before its QEMU gets any device state. */
  private async sendDigest(): Promise<void> {
    const { sender, channel, log } = this.options;
    await this.sendBatch();
    await this.options.beforeDigest();
    if (this.passThroughReason !== undefined) return this.unread(this.passThroughReason, 'warn');
    if (!this.map) return;
    const end = sender.end();
    await this.queue.add(0, () => channel.send(MAIN, FRAME.END, end));
    log(
      'info',
      this.hasXbzrle ? 'all memory is sent; the digest does not cover xbzrle pages' : 'all memory is sent',
    );
  }
}
