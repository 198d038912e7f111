import { FRAME } from '../../channel/frame.js';
import { SerialQueue, throwIfAborted } from '../../page/sync.js';
import { TARGET_PAGE_BYTES } from '../../qemu/format.js';
import { readPacket } from '../../qemu/multifd.js';
import { QemuStreamReader } from '../../qemu/stream-reader.js';
import { BlockMap } from '../block-map.js';
import { MAIN } from '../connection.js';
import { checkGuestBytes } from '../guest-limit.js';
import { guestState, type ReturnPathState } from '../guest-state.js';
import { blocksBytes, passThroughBytes, recordHead } from '../messages.js';
import type { SyncMark } from '../round-stats.js';
import { PageOutput } from './page-output.js';
import { SendQueue } from './send-queue.js';
import { Staging, type Step, type StepOf } from './staging.js';
import type { SourceStreamOptions } from './stream-options.js';

/** Queued bytes that belong to no batch; more of them pause reading from QEMU. */
const MAX_QUEUED_BYTES = 256 << 10;

/**
 * QEMU's main connection on its path into the channel: pages in batches, encoded against what the destination
 * has; everything else unchanged and in its place. At the end of each of QEMU's sections everything before it
 * is sent.
 */
export class SourceStream {
  private readonly staging: Staging;
  private readonly reader: QemuStreamReader;
  private readonly queue: SendQueue;
  private readonly output: PageOutput;
  /** One piece is processed at a time: `passThrough` is called while QEMU's bytes are pushed. */
  private readonly turns = new SerialQueue();
  /** Records and packets are added to batches one at a time. */
  private readonly order = new SerialQueue();
  private map: BlockMap | undefined;
  private requestedPassThrough: string | undefined;
  private isPostcopy = false;
  private isPassThrough = false;
  private hasDigest = false;
  /** The mark that was passed last, until the channels of multifd have met there. */
  private mark: SyncMark | undefined;
  private isWhole = false;
  private isCut = false;
  /** QEMU sent xbzrle records, whose pages no digest covers. */
  private hasXbzrle = false;

  constructor(private readonly options: SourceStreamOptions) {
    const { channel, sender, batchPages, stats, signal, log, onFailure } = options;
    const queue = new SendQueue(MAX_QUEUED_BYTES, onFailure, signal);
    this.queue = queue;
    this.output = new PageOutput({ channel, sender, batchPages, stats, signal, queue, log });
    this.staging = new Staging(this.output);
    this.reader = new QemuStreamReader(this.staging);
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
    this.isCut = !this.isWhole;
    return brokeOff;
  }

  /** All memory is sent, and the state of devices follows: the guest is stopped. */
  get isHandingOver(): boolean {
    return this.hasDigest;
  }

  /** Where the guest is if the migration fails now; `mayBeHandedOver`: the failure does not exclude it. */
  guestState({ hasReturnPath, hasSucceeded }: ReturnPathState, mayBeHandedOver: boolean): string {
    const { isPostcopy, isWhole, isCut, isPassThrough, advisesPostcopy } = this;
    return guestState({
      ...{ hasReturnPath, hasSucceeded, isPostcopy, isWhole, isCut },
      mayBePostcopy: isPassThrough && (advisesPostcopy || this.map === undefined),
      mayBeHandedOver: mayBeHandedOver && this.isHandingOver,
    });
  }

  /** Send the next bytes. @throws the cause that ended the migration */
  push(bytes: Uint8Array): Promise<void> {
    return this.turns.run(async () => {
      this.options.stats.streamBytes += bytes.length;
      await this.process(() => {
        this.staging.begin(bytes);
        this.reader.push(bytes);
      });
    });
  }

  /** Pass the rest of the stream through uncoded: it does not have all of the guest's pages. */
  async passThrough(reason: string): Promise<void> {
    this.requestedPassThrough ??= reason;
    await this.turns.run(async () => {
      await this.process(() => this.reader.stopParsing(reason));
    });
  }

  /** Resolve when everything so far is sent. */
  async drained(): Promise<void> {
    await this.turns.run(() => this.sentSoFar());
  }

  /** Resolve when everything that was added so far is sent; packets may be added meanwhile. */
  async sentSoFar(): Promise<void> {
    await this.order.run(() => this.output.send());
    await this.queue.idle();
  }

  /**
   * Send a packet of multifd, its head and pages. Return why it cannot be encoded, if it cannot: nothing of
   * it is sent then. The bytes may be reused afterwards.
   */
  addPacket(connection: number, bytes: Uint8Array): Promise<string | undefined> {
    return this.order.run(() => this.tryPacket(connection, bytes));
  }

  private async tryPacket(connection: number, bytes: Uint8Array): Promise<string | undefined> {
    if (this.isPassThrough) return 'the main stream passes through';
    const packet = readPacket(bytes, this.map?.blocks ?? []);
    if (typeof packet === 'string') return packet;
    if (packet.pages.length > 0 && this.hasDigest) return 'pages of multifd after all memory';
    await this.output.addPacket(connection, packet, bytes);
    return undefined;
  }

  /** Read, which stages steps or adds pages to the batch, and process the steps. */
  private async process(read: () => void): Promise<void> {
    const { staging } = this;
    const { gate, signal, stats } = this.options;
    try {
      let next = await this.order.run(() => {
        read();
        return this.processToMark(0);
      });
      for (;;) {
        await gate.mainMayPass(signal);
        if (this.mark !== undefined) stats.addMark(this.mark);
        this.mark = undefined;
        if (next === staging.steps.length) break;
        const from = next;
        next = await this.order.run(() => this.processToMark(from));
      }
    } finally {
      staging.clear();
    }
    await this.queue.withinBound();
    throwIfAborted(this.options.signal);
  }

  /** Process steps up to the next mark at which channels of multifd may have to be waited for. */
  private async processToMark(from: number): Promise<number> {
    const { steps } = this.staging;
    // Most steps end synchronously: awaiting each of them would take longer than the step.
    for (let i = from; i < steps.length; i++) {
      const step = steps[i]!;
      if (step.kind === 'multifd-flush' || step.kind === 'section-end') {
        await this.passMark(step.kind);
        if (this.options.gate.isUsed) return i + 1;
        continue;
      }
      const working = this.processStep(step);
      if (working) await working;
    }
    return steps.length;
  }

  private async passMark(kind: SyncMark): Promise<void> {
    const { gate, channelsKnown } = this.options;
    // QEMU has written to all of its channels before the first mark.
    if (gate.markCount === 0) await channelsKnown();
    if (gate.passed(kind)) this.mark = kind;
  }

  private processStep(step: Exclude<Step, { kind: SyncMark }>): Promise<void> | undefined {
    switch (step.kind) {
      case 'literal':
        return this.sendLiteral(step.bytes.slice(step.from, step.to));
      case 'page':
        return this.addPage(step);
      case 'fill':
        return this.addFill(step);
      case 'xbzrle':
        return this.sendXbzrle(step.block, step.page, step.bytes.slice(step.from, step.to));
      case 'blocks':
        return this.sendBlocks(new BlockMap(step.blocks));
      case 'flush':
        return this.output.send();
      case 'postcopy':
        this.isPostcopy = true;
        this.output.stop();
        return this.startPassThrough('postcopy: every page is sent at once', 'info');
      case 'devices':
        return this.sendDigest();
      case 'opaque':
        return this.startPassThrough(step.reason, 'warn');
    }
  }

  private async sendLiteral(bytes: Uint8Array): Promise<void> {
    await this.output.send();
    await this.queue.add(bytes.length, () => this.options.channel.sendLiteral(MAIN, bytes));
  }

  private async sendBlocks(map: BlockMap): Promise<void> {
    const { sender, channel, log, maxGuestBytes } = this.options;
    checkGuestBytes(map, maxGuestBytes);
    this.map = map;
    this.output.start(map);
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

  private async startPassThrough(reason: string, level: 'info' | 'warn'): Promise<void> {
    const { channel, log } = this.options;
    this.isPassThrough = true;
    this.options.gate.turnOff();
    await this.output.send();
    log(level, `pass-through from here on: ${reason}`);
    const body = passThroughBytes({ postcopy: this.isPostcopy, reason });
    await this.queue.add(0, () => channel.send(MAIN, FRAME.PASS_THROUGH, body));
  }

  private addPage(step: StepOf<'page'>): Promise<void> | undefined {
    const { block, page, bytes, from, at } = step;
    if (this.output.takePage(block, page, bytes, at, from, true)) return undefined;
    if (!this.isPostcopy) return this.output.send().then(() => this.addPage(step));
    const head = recordHead(this.map!.numberOf(block, page), 'page');
    return this.sendRecord(block, head, bytes.slice(at, at + TARGET_PAGE_BYTES));
  }

  private addFill(step: StepOf<'fill'>): Promise<void> | undefined {
    const { block, page, value, bytes, from, to } = step;
    if (this.output.takeFill(block, page, value, bytes, from, to, true)) return undefined;
    if (!this.isPostcopy) return this.output.send().then(() => this.addFill(step));
    return this.sendRecord(block, recordHead(this.map!.numberOf(block, page), 'fill', value));
  }

  /** QEMU encoded the page itself, so its content is unknown here. */
  private async sendXbzrle(block: number, page: number, bytes: Uint8Array): Promise<void> {
    await this.output.send();
    if (!this.hasXbzrle)
      this.options.log(
        'warn',
        'QEMU sends xbzrle records: they pass through, and no digest covers their pages',
      );
    this.hasXbzrle = true;
    const number = this.map!.numberOf(block, page);
    this.options.sender.invalidate(number);
    await this.sendRecord(block, recordHead(number, 'xbzrle'), bytes);
  }

  private async sendRecord(
    block: number,
    head: Uint8Array,
    bytes: Uint8Array = new Uint8Array(0),
  ): Promise<void> {
    this.output.setBlock(block);
    await this.queue.add(bytes.length, () => this.options.channel.send(MAIN, FRAME.RECORD, head, bytes));
  }

  /** Send the digest of all RAM, which the destination verifies before its QEMU gets any device state. */
  private async sendDigest(): Promise<void> {
    const { sender, channel, log } = this.options;
    await this.output.send();
    await this.options.beforeDigest();
    if (this.requestedPassThrough !== undefined)
      return this.startPassThrough(this.requestedPassThrough, 'warn');
    if (!this.map) return;
    const [end, bypassed] = [sender.end(), this.output.endBypass()];
    this.hasDigest = true;
    await this.queue.add(0, () => channel.send(MAIN, FRAME.END, end, bypassed));
    log(
      'info',
      this.hasXbzrle ? 'all memory is sent; the digest does not cover xbzrle pages' : 'all memory is sent',
    );
  }
}
