import { FRAME } from '../../channel/frame.js';
import type { PageSender } from '../../engine/live/page-sender.js';
import { QemuStreamReader } from '../../qemu/stream-reader.js';
import { BlockMap } from '../block-map.js';
import { type ChannelFlow, MAIN } from '../flow/channel-flow.js';
import { blocksBytes, recordHead } from '../messages.js';
import type { RoundStats } from '../stats.js';
import { BatchSender, type Sent } from './batch-sender.js';
import { SendQueue } from './send-queue.js';
import { type Staged, Staging } from './staging.js';

const PAGE_BYTES = 4096;
/** Bytes that are no batch and wait to be sent: then nothing more is read of QEMU. */
const MAX_QUEUED = 256 << 10;
/** What becomes of most guests whose migration fails. */
export const STAYS = 'the guest goes on here';

/** What a source stream tells. */
export interface SourceEvents {
  readonly log: (level: 'info' | 'warn', message: string) => void;
  readonly stats: RoundStats;
}

/**
 * The way of QEMU's main connection into the channel: pages in batches, coded against what the destination has; everything else as it
 * is, in its place. What came is on its way before a section's end is passed on.
 */
export class SourceStream {
  /** Of all RAM: the destination proves it before it passes device state on. */
  isProved = false;
  private readonly staging = new Staging();
  private readonly reader = new QemuStreamReader(this.staging);
  private map: BlockMap | undefined;
  private batch: number[] = [];
  /** Pages that it may have, and whether they travel as they are. */
  private most = 0;
  private bypass = false;
  /** Counts it, for the round that it began in. */
  private sent: Sent | undefined;
  private postcopy = false;
  private isWhole = false;
  /** The block that QEMU is in, and whether it came there in this batch. */
  private block = -1;
  private changesBlock = false;
  /** Batches on their way, in order. */
  private readonly queue = new SendQueue(MAX_QUEUED);
  private readonly batches: BatchSender;
  private changed = false;

  constructor(
    private readonly flow: ChannelFlow,
    private readonly sender: PageSender,
    private readonly batchPages: number,
    private readonly events: SourceEvents,
  ) {
    this.batches = new BatchSender(flow, sender, this.queue);
  }

  /** Where the stream must not end, if it ended now. */
  finish(): string | undefined {
    const unfinished = this.reader.finish();
    this.isWhole = unfinished === undefined;
    return unfinished;
  }

  /** What becomes of a guest whose migration fails now; `hears`: its QEMU has a return path, and is told. */
  fate(hears: boolean): string {
    if (this.postcopy) return 'the guest has left, and what of it was not sent is only here';
    return this.isWhole && !hears ? 'all was sent, so QEMU may take it for done' : STAYS;
  }

  /** Passes the next bytes on. @throws whatever sending failed with */
  async push(bytes: Uint8Array): Promise<void> {
    this.events.stats.bytesIn += bytes.length;
    this.staging.begin(bytes);
    this.reader.push(bytes);
    await this.workOff();
  }

  /** From here on nothing is read of the stream. */
  async giveUp(reason: string): Promise<void> {
    this.reader.stopParsing(reason);
    await this.workOff();
  }

  /** All that came is sent. */
  async drained(): Promise<void> {
    await this.sendBatch();
    await this.queue.done();
  }

  private async workOff(): Promise<void> {
    const { staging } = this;
    try {
      // Most steps are done at once: a promise for each would take longer than they do.
      for (const step of staging.steps) {
        const working = this.work(step);
        if (working) await working;
      }
    } finally {
      staging.clear();
    }
    this.queue.check();
  }

  private work(step: Staged): Promise<void> | undefined {
    switch (step.kind) {
      case 'literal':
        return this.literal(step.bytes.slice(step.from, step.to));
      case 'page':
        return this.page(step.block, step.page, step.bytes.subarray(step.from, step.from + PAGE_BYTES));
      case 'fill':
        return this.fill(step.block, step.page, step.value);
      case 'xbzrle':
        return this.xbzrle(step.block, step.page, step.bytes.subarray(step.from, step.to));
      case 'blocks':
        return this.begin(new BlockMap(step.blocks));
      case 'flush':
        return this.sendBatch();
      case 'postcopy':
        this.postcopy = true;
        return this.unread('postcopy: nothing is dropped, coded or held back any more', 'info');
      case 'devices':
        return this.prove();
      case 'opaque':
        return this.unread(step.reason, 'warn');
    }
  }

  private async literal(bytes: Uint8Array): Promise<void> {
    await this.sendBatch();
    await this.queue.add(bytes.length, () => this.flow.sendLiteral(MAIN, bytes));
  }

  private async begin(map: BlockMap): Promise<void> {
    this.map = map;
    const first = this.sender.begin('RAM', map.pages);
    await this.queue.add(0, async () => {
      await this.flow.sendOne(FRAME.BLOCKS, blocksBytes(map.blocks));
      await this.flow.sendPages([first]);
    });
    const bytes = map.blocks.reduce((sum, block) => sum + block.bytes, 0);
    this.events.log(
      'info',
      `the guest has ${Math.round(bytes / 2 ** 20)} MiB in ${map.blocks.length} blocks`,
    );
  }

  private async unread(reason: string, level: 'info' | 'warn'): Promise<void> {
    await this.sendBatch();
    this.events.log(level, `passed on unread from here on: ${reason}`);
    await this.queue.add(0, () =>
      this.flow.sendOne(
        FRAME.PASS_THROUGH,
        Uint8Array.of(this.postcopy ? 1 : 0),
        new TextEncoder().encode(reason.slice(0, 1000)),
      ),
    );
  }

  private page(block: number, page: number, bytes: Uint8Array): Promise<void> | undefined {
    if (this.postcopy)
      return this.record(block, recordHead(this.map!.numberOf(block, page), 'page'), bytes.slice());
    if (!this.hasRoom()) return this.sendBatch().then(() => this.page(block, page, bytes));
    this.sender.buffer.set(bytes, this.batch.length * PAGE_BYTES);
    this.add(block, page);
    return undefined;
  }

  private fill(block: number, page: number, value: number): Promise<void> | undefined {
    if (this.postcopy) return this.record(block, recordHead(this.map!.numberOf(block, page), 'fill', value));
    if (!this.hasRoom()) return this.sendBatch().then(() => this.fill(block, page, value));
    const at = this.batch.length * PAGE_BYTES;
    this.sender.buffer.fill(value, at, at + PAGE_BYTES);
    this.add(block, page);
    return undefined;
  }

  /** QEMU codes by itself: what the page is now, nobody here has to know. */
  private async xbzrle(block: number, page: number, bytes: Uint8Array): Promise<void> {
    await this.sendBatch();
    if (!this.changed)
      this.events.log(
        'warn',
        'QEMU sends xbzrle itself: those pages are passed on, and no digest covers them',
      );
    this.changed = true;
    const number = this.map!.numberOf(block, page);
    this.sender.invalidate(number);
    await this.record(block, recordHead(number, 'xbzrle'), bytes.slice());
  }

  private async record(block: number, head: Uint8Array, bytes = new Uint8Array(0)): Promise<void> {
    this.block = block;
    await this.queue.add(bytes.length, () => this.flow.sendOne(FRAME.RECORD, head, bytes));
  }

  /**
   * QEMU's records say "the same block as before". Should the stream have to be passed on unread from here on, the destination has to
   * be in the same block: so of a batch in which the block changes, the last page always travels.
   */
  private add(block: number, page: number): void {
    if (block !== this.block) this.changesBlock = true;
    this.block = block;
    const number = this.map!.numberOf(block, page);
    const { stats } = this.events;
    stats.page(number);
    if (this.batch.length === 0) this.sent = stats.batch();
    this.batch.push(number);
  }

  /** Whether the batch takes another page. */
  private hasRoom(): boolean {
    if (this.batch.length === 0) {
      this.bypass = this.sender.shouldBypass();
      this.most = this.flow.pagesABatch(this.batchPages, this.bypass);
    }
    return this.batch.length < this.most;
  }

  /** Has the batch coded; its bytes follow those of the batches before. */
  private async sendBatch(): Promise<void> {
    if (this.batch.length === 0) return;
    const pages = this.batch;
    const keepsLast = this.changesBlock;
    this.batch = [];
    this.changesBlock = false;
    await this.batches.send(pages, { keepsLast, bypass: this.bypass, sent: this.sent! });
  }

  /** All RAM is sent: its digest follows, before any device state. */
  private async prove(): Promise<void> {
    await this.sendBatch();
    if (!this.map) return;
    const end = this.sender.end();
    await this.queue.add(0, () => this.flow.sendOne(FRAME.END, end));
    this.isProved = true;
    this.events.log(
      'info',
      this.changed ? 'all memory is sent; what QEMU coded itself is not in its digest' : 'all memory is sent',
    );
  }
}
