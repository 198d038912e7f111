import type { PageBitmap } from '../page/bitmap.js';
import { PageferryError } from '../page/error.js';
import { estimateBusyMs, estimateBytes } from './estimate.js';
import { allocatedPages } from './first-pages.js';
import type { Guest } from './guest.js';
import { GuestClock } from './guest-clock.js';
import { Link, sealedBytes } from './link.js';
import { PageTransfer } from './page-transfer.js';
import type { MigrationSettings, Round } from './settings.js';
import { SimulatedStream } from './stream-state.js';

/** So much of the link's time may wait before it: what is in a socket's buffer. */
const QUEUE_MS = 20;
/** What the storage has to read may be so much more than what the link has to carry. */
const AHEAD_MS = 2;

/**
 * A migration in virtual time: pages really are coded, sent as the bytes that they became, decoded and put into the destination's
 * memory; only the clock is reckoned, by the costs of that work, the link's rate and its round trip. Techniques are written in terms
 * of what this class can do.
 */
export class Migration {
  /** The sender's time: all before is done. */
  nowMs = 0;
  readonly rounds: Round[] = [];
  /** When everything that was sent so far is in the destination's memory. */
  settledAtMs = 0;
  sourceCpuMs = 0;
  destinationCpuMs = 0;
  downtimeMs = 0;
  pagesSent = 0;
  faults = 0;
  /** Why it stopped before it was done by its own measure; undefined: it was. */
  gaveUp: string | undefined;
  /** The guest goes on at the destination. */
  hasLeft = false;
  private stoppedAtMs: number | undefined;
  /** Pages that were allocated when it was stopped: each has to be at the destination. */
  private due: PageBitmap | undefined;
  private storageFreeMs = 0;

  private constructor(
    readonly settings: MigrationSettings,
    readonly link: Link,
    readonly clock: GuestClock,
    readonly transfer: PageTransfer,
    private readonly stream: SimulatedStream,
  ) {}

  static async open(settings: MigrationSettings): Promise<Migration> {
    const { guest } = settings;
    const link = new Link(settings.link);
    const clock = new GuestClock(guest);
    const stream = new SimulatedStream(settings, link);
    const isClean = (page: number) => !clock.dirty.has(page);
    const transfer = await PageTransfer.open(guest, settings, stream.state, isClean);
    const migration = new Migration(settings, link, clock, transfer, stream);
    stream.useClock(() => migration.nowMs);
    return migration;
  }

  get guest(): Guest {
    return this.settings.guest;
  }

  get pages(): number {
    return this.settings.guest.pages;
  }

  /** The one in work. */
  get round(): Round {
    return this.rounds.at(-1)!;
  }

  get stopped(): boolean {
    return this.stoppedAtMs !== undefined;
  }

  /** Runs the guest, at the source, until now. */
  runGuest(): void {
    if (!this.stopped) this.clock.run(this.nowMs);
  }

  /** Pages written to since `takeDirty`. */
  get dirty(): PageBitmap {
    return this.clock.dirty;
  }

  takeDirty(): PageBitmap {
    this.runGuest();
    const taken = this.dirty.clone();
    this.dirty.clear();
    return taken;
  }

  beginRound(): void {
    this.rounds.push({ fromMs: this.nowMs, toMs: this.nowMs, pages: 0, bytes: 0, busyMs: 0, left: {} });
  }

  /** Lets the guest run before the migration begins, whose time starts now; returns how many pages it wrote to. */
  watch(ms: number): number {
    this.clock.run(ms);
    this.clock.goesOnAt(0);
    const written = this.dirty.count;
    this.dirty.clear();
    return written;
  }

  /** Notes that pages are not sent in this round, and why. */
  leave(reason: string, pages = 1): void {
    const { left } = this.round;
    if (pages > 0) left[reason] = (left[reason] ?? 0) + pages;
  }

  /**
   * Sends pages in batches; each batch is read when the one before is packed. `isWanted` is called for a page just before
   * its batch is read. The guest keeps running meanwhile, unless it was stopped.
   */
  async send(pages: Iterable<number>, isWanted: (page: number) => boolean = () => true): Promise<void> {
    const numbers: number[] = [];
    for (const page of pages) {
      if (numbers.length === 0) this.runGuest();
      if (!isWanted(page)) continue;
      numbers.push(page);
      if (numbers.length < this.transfer.batchPages) continue;
      await this.batch(numbers);
      numbers.length = 0;
    }
    if (numbers.length > 0) await this.batch(numbers);
  }

  /** Sends one batch of pages as they are now; returns when they are in the destination's memory. */
  async batch(numbers: readonly number[], queueMs = QUEUE_MS): Promise<number> {
    const { source, destination, link } = this.settings;
    const { bytes, decideMs, packMs, placeMs, unpackMs } = await this.transfer.carry(numbers);
    const codeMs = (decideMs + packMs / source.threads) / source.share;
    const takeMs = (placeMs + unpackMs / destination.threads) / destination.share;
    this.nowMs += codeMs;
    this.sourceCpuMs += decideMs + packMs;
    this.destinationCpuMs += placeMs + unpackMs;
    const arrivedMs = this.transmit(bytes);
    const idleFromMs = this.settledAtMs;
    this.settledAtMs = Math.max(idleFromMs, arrivedMs) + takeMs;
    this.stream.arrived(idleFromMs, arrivedMs, this.settledAtMs);
    const packedAtMs = this.nowMs;
    // The source runs ahead of link and destination by their buffers only, which are small.
    this.nowMs = Math.max(
      this.nowMs,
      this.link.freeAtMs - queueMs,
      this.settledAtMs - link.rttMs / 2 - queueMs,
    );
    this.stream.sourceWaited(packedAtMs, this.nowMs);
    this.pagesSent += numbers.length;
    this.round.pages += numbers.length;
    this.round.busyMs += Math.max(codeMs, bytes / this.link.bytesPerMs, takeMs);
    return this.settledAtMs;
  }

  /** Sends bytes that are no pages; returns when they arrived. */
  transmit(bytes: number): number {
    const { sealed, costs } = this.settings;
    if (sealed) {
      const ms = bytes / costs.sealBytesPerMs;
      this.sourceCpuMs += ms;
      this.destinationCpuMs += ms;
      this.nowMs += ms;
    }
    const before = this.link.bytes;
    const arrivedMs = this.link.send(sealed ? sealedBytes(bytes) : bytes, this.nowMs);
    this.round.bytes += this.link.bytes - before;
    this.round.toMs = this.link.freeAtMs;
    return arrivedMs;
  }

  /** Has the destination fetch pages from the storage that both share: `recordBytes` for each travel. */
  fetchBlocks(pages: readonly number[], recordBytes: number): void {
    const { guest, storageBytesPerSecond, costs } = this.settings;
    const { pageBytes, pagesEach } = guest;
    const arrivedMs = this.transmit(pages.length * recordBytes * pagesEach);
    const fetchMs = (pages.length * pageBytes * pagesEach * 1000) / storageBytesPerSecond;
    this.storageFreeMs = Math.max(this.storageFreeMs, arrivedMs) + fetchMs;
    this.destinationCpuMs += (pages.length * pagesEach * costs.copyUs) / 1000;
    for (const page of pages) this.transfer.readBlock(page);
    this.nowMs = Math.max(this.nowMs, this.link.freeAtMs - QUEUE_MS);
  }

  /** Whether the storage would have another page there before the link. */
  get storageIsAhead(): boolean {
    return this.storageFreeMs < Math.max(this.link.freeAtMs, this.nowMs) + AHEAD_MS;
  }

  /**
   * Takes up what the destination kept from an earlier visit; returns the pages that are what they were then. `tableBytes` travel for
   * each page, to tell them apart.
   */
  takeUpKept(tableBytes: number): PageBitmap {
    const { kept, same } = this.transfer.takeUpKept();
    if (kept > 0) this.nowMs = Math.max(this.nowMs, this.transmit(kept * tableBytes * this.guest.pagesEach));
    return same;
  }

  /** Estimated bytes on the wire of so many pages. */
  estimateBytes(pages: number): number {
    return estimateBytes(this.rounds, this.guest, pages);
  }

  /** Estimated downtime if the guest were stopped now with so many pages still to be sent. */
  estimateDowntimeMs(pages: number): number {
    const { link, settings, guest } = this;
    const waitMs = Math.max(
      0,
      ...[link.freeAtMs, this.settledAtMs, this.storageFreeMs].map((ms) => ms - this.nowMs),
    );
    const pagesMs = estimateBusyMs(this.rounds, guest, pages, link.bytesPerMs);
    return pagesMs + guest.stateBytes / link.bytesPerMs + waitMs + settings.link.rttMs;
  }

  /** Stops the guest at the source. */
  stop(): void {
    this.runGuest();
    this.stoppedAtMs = this.nowMs;
    this.due = allocatedPages(this);
  }

  /** Sends registers and device state; the guest goes on at the destination once all that was sent is there. */
  resume(): void {
    this.settledAtMs = Math.max(this.settledAtMs, this.storageFreeMs, this.transmit(this.guest.stateBytes));
    this.downtimeMs += this.settledAtMs - this.stoppedAtMs!;
    this.clock.goesOnAt(this.settledAtMs);
    this.hasLeft = true;
  }

  /** Compares all pages but those of `except`, and free ones that were never sent. @throws PageferryError `not-identical` */
  compareAll(except?: PageBitmap): void {
    for (let page = 0; page < this.pages; page++)
      if (!except?.has(page) && (this.transfer.arrived.has(page) || this.guest.isAllocated(page)))
        this.transfer.compare(page);
  }

  /**
   * Ends the stream: the destination proves by digest all that arrived, and no page may have been left out.
   * @throws PageferryError `not-identical`
   */
  finish(): void {
    if (!this.hasLeft)
      throw new PageferryError('not-identical', 'the guest never went on at the destination');
    for (const page of this.due!)
      if (!this.transfer.wasCompared(page))
        throw new PageferryError('not-identical', `page ${page} was never sent or compared`);
    this.settledAtMs = Math.max(this.settledAtMs, this.transmit(this.transfer.end()));
  }

  async close(): Promise<void> {
    await this.transfer.close();
  }
}
