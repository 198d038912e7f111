import type { PageBitmap } from '../page/bitmap.js';
import { PageferryError } from '../page/error.js';
import { createYielder, throwIfAborted } from '../page/sync.js';
import { estimateBusyMs, estimateBytes } from './estimate.js';
import { allocatedPages } from './first-pages.js';
import type { Guest } from './guest.js';
import { GuestClock } from './guest-clock.js';
import { SimulatedLink, tlsBytes } from './link.js';
import { missingCall } from './missing-call.js';
import { PageTransfer } from './page-transfer.js';
import type { MigrationSettings, Round } from './settings.js';
import { SimulatedStream } from './stream-state.js';

/** Most ms that the source is ahead of the link: the time to send a socket's buffer. */
const QUEUE_MS = 20;
/** Ms that the storage may finish after the link and still get another request. */
const AHEAD_MS = 2;

/**
 * A migration in virtual time. Pages are really encoded, decoded and compared; time is simulated from CPU
 * costs, link rate and round trip. Techniques are written against this class.
 */
export class Migration {
  /** Time of the source, in ms. */
  nowMs = 0;
  /** Rounds so far, the current one last. */
  readonly rounds: Round[] = [];
  /** Time at which all bytes sent so far are in the destination's memory. */
  settledAtMs = 0;
  /** CPU ms of each host. */
  sourceCpuMs = 0;
  destinationCpuMs = 0;
  /** Downtime so far, in ms. */
  downtimeMs = 0;
  /** Pages sent, repeats included. */
  pagesSent = 0;
  /** Page faults at the destination. */
  faults = 0;
  /** The limit that ended the rounds before they converged; undefined: they converged. */
  limitReached: string | undefined;
  /** Whether the guest runs at the destination. */
  isAtDestination = false;
  private stoppedAtMs: number | undefined;
  /** Pages allocated when the guest was stopped: each has to be at the destination. */
  private requiredPages: PageBitmap | undefined;
  private storageFreeMs = 0;
  private readonly yieldNow = createYielder();

  private constructor(
    readonly settings: MigrationSettings,
    readonly link: SimulatedLink,
    private readonly clock: GuestClock,
    private readonly transfer: PageTransfer,
    private readonly stream: SimulatedStream,
  ) {}

  /** Create a migration that has not sent anything. */
  static async open(settings: MigrationSettings): Promise<Migration> {
    const { guest } = settings;
    const link = new SimulatedLink(settings.link);
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

  /** Simulated pages of the guest. */
  get pages(): number {
    return this.settings.guest.pages;
  }

  get round(): Round {
    return this.rounds.at(-1) ?? missingCall('beginRound', 'pages or bytes are sent');
  }

  /** Let other events run if they are due; call it in long loops. @throws the reason of an abort */
  async yieldIfDue(): Promise<void> {
    await this.yieldNow();
    throwIfAborted(this.settings.signal);
  }

  /** Run the guest at the source until now. */
  runGuest(): void {
    if (this.stoppedAtMs === undefined) this.clock.run(this.nowMs);
  }

  /**
   * Run the guest at the destination. Return the page fault, if it touched a page that is `missing`, and
   * its time.
   */
  runAtDestination(toMs: number, missing: PageBitmap): { page: number; atMs: number } | undefined {
    return this.clock.runAtDestination(toMs, missing);
  }

  /** Record that the guest waited for a page. */
  guestWaited(sinceMs: number, untilMs: number): void {
    this.clock.waited(sinceMs, untilMs);
  }

  /** Slow the guest down by a fraction of its speed, 0 … 1. */
  throttle(fraction: number): void {
    this.clock.speed = 1 - fraction;
  }

  /** Ms that the running guest lost, by waiting for pages or by throttling. */
  get guestLostMs(): number {
    return this.clock.lostMs;
  }

  /** Pages written since `takeDirty`. */
  get dirty(): PageBitmap {
    return this.clock.dirty;
  }

  /** Return the pages written since the last call, and clear the log. */
  takeDirty(): PageBitmap {
    this.runGuest();
    const taken = this.dirty.clone();
    this.dirty.clear();
    return taken;
  }

  /** Begin a round. The dirty log is kept. */
  beginRound(): void {
    this.rounds.push({ fromMs: this.nowMs, toMs: this.nowMs, pages: 0, bytes: 0, busyMs: 0, deferred: {} });
  }

  /**
   * Run the guest before the migration begins, whose time starts at 0 again; return the number of pages
   * written.
   */
  observe(ms: number): number {
    this.clock.run(ms);
    this.clock.resumeAt(0);
    const written = this.dirty.count;
    this.dirty.clear();
    return written;
  }

  /** Record that pages are not sent in this round, and why. */
  defer(reason: string, pages = 1): void {
    const { deferred } = this.round;
    if (pages > 0) deferred[reason] = (deferred[reason] ?? 0) + pages;
  }

  /** Send pages in batches. `isWanted` is called for a page just before its batch is read. */
  async send(pages: Iterable<number>, isWanted: (page: number) => boolean = () => true): Promise<void> {
    const numbers: number[] = [];
    for (const page of pages) {
      if (numbers.length === 0) this.runGuest();
      if (!isWanted(page)) continue;
      numbers.push(page);
      if (numbers.length < this.transfer.batchPages) continue;
      await this.sendBatch(numbers);
      numbers.length = 0;
    }
    if (numbers.length > 0) await this.sendBatch(numbers);
  }

  /**
   * Send one batch of pages with their current content; return when they are in the destination's memory.
   */
  async sendBatch(numbers: readonly number[], queueMs = QUEUE_MS): Promise<number> {
    const { source, destination, link } = this.settings;
    await this.yieldIfDue();
    const { bytes, decideMs, packMs, placeMs, unpackMs } = await this.transfer.transfer(numbers);
    const codeMs = (decideMs + packMs / source.threads) / source.share;
    const takeMs = (placeMs + unpackMs / destination.threads) / destination.share;
    this.nowMs += codeMs;
    this.sourceCpuMs += decideMs + packMs;
    this.destinationCpuMs += placeMs + unpackMs;
    const freeAtMs = this.link.freeAtMs;
    const arrivedMs = this.transmit(bytes);
    this.stream.packed(this.nowMs, Math.max(freeAtMs, this.link.freeAtMs - queueMs));
    const idleFromMs = this.settledAtMs;
    this.settledAtMs = Math.max(idleFromMs, arrivedMs) + takeMs;
    this.stream.arrived(idleFromMs, arrivedMs, this.settledAtMs);
    // The source is ahead of link and destination only by their buffers.
    this.nowMs = Math.max(
      this.nowMs,
      this.link.freeAtMs - queueMs,
      this.settledAtMs - link.rttMs / 2 - queueMs,
    );
    this.pagesSent += numbers.length;
    this.round.pages += numbers.length;
    this.round.busyMs += Math.max(codeMs, bytes / this.link.bytesPerMs, takeMs);
    if (this.stoppedAtMs === undefined) await this.clock.catchUp(this.nowMs, () => this.yieldIfDue());
    return this.settledAtMs;
  }

  /** Send bytes other than pages; return when they arrive. */
  transmit(bytes: number): number {
    const { encrypted, costs } = this.settings;
    if (encrypted) {
      const ms = bytes / costs.encryptBytesPerMs;
      this.sourceCpuMs += ms;
      this.destinationCpuMs += ms;
      this.nowMs += ms;
    }
    const before = this.link.bytes;
    const arrivedMs = this.link.send(encrypted ? tlsBytes(bytes) : bytes, this.nowMs);
    this.round.bytes += this.link.bytes - before;
    this.round.toMs = this.link.freeAtMs;
    return arrivedMs;
  }

  /** Let the destination read pages from the shared storage; send `recordBytes` bytes for each. */
  fetchBlocks(pages: readonly number[], recordBytes: number): void {
    const { guest, storageBytesPerSecond, costs } = this.settings;
    const { pageBytes, scale } = guest;
    const arrivedMs = this.transmit(pages.length * recordBytes * scale);
    const fetchMs = (pages.length * pageBytes * scale * 1000) / storageBytesPerSecond;
    this.storageFreeMs = Math.max(this.storageFreeMs, arrivedMs) + fetchMs;
    this.destinationCpuMs += (pages.length * scale * costs.copyUs) / 1000;
    for (const page of pages) this.transfer.readBlock(page);
    this.nowMs = Math.max(this.nowMs, this.link.freeAtMs - QUEUE_MS);
  }

  /** Whether the storage would deliver another page before the link does. */
  get isStorageAhead(): boolean {
    return this.storageFreeMs < Math.max(this.link.freeAtMs, this.nowMs) + AHEAD_MS;
  }

  /** Reuse the pages kept by the destination, sending `tableBytes` for each; return the unchanged ones. */
  reuseKept(tableBytes: number): PageBitmap {
    const { keptCount, same } = this.transfer.reuseKept();
    if (keptCount > 0)
      this.nowMs = Math.max(this.nowMs, this.transmit(keptCount * tableBytes * this.guest.scale));
    return same;
  }

  /** Return the estimated bytes on the wire of `pages`. */
  estimateBytes(pages: number): number {
    return estimateBytes(this.rounds, this.guest, pages);
  }

  /** Return the estimated downtime, in ms, if the guest is stopped now with `pages` still to send. */
  estimateDowntimeMs(pages: number): number {
    const { link, settings, guest } = this;
    const waitMs = Math.max(
      0,
      ...[link.freeAtMs, this.settledAtMs, this.storageFreeMs].map((ms) => ms - this.nowMs),
    );
    const pagesMs = estimateBusyMs(this.rounds, guest, pages, link.bytesPerMs);
    return pagesMs + guest.stateBytes / link.bytesPerMs + waitMs + settings.link.rttMs;
  }

  /** Stop the guest at the source. */
  stop(): void {
    this.runGuest();
    this.stoppedAtMs = this.nowMs;
    this.requiredPages = allocatedPages(this);
  }

  /** Send registers and device state, and resume the guest at the destination once everything has arrived. */
  resume(): void {
    this.settledAtMs = Math.max(this.settledAtMs, this.storageFreeMs, this.transmit(this.guest.stateBytes));
    this.downtimeMs += this.settledAtMs - (this.stoppedAtMs ?? missingCall('stop', 'resume'));
    this.clock.resumeAt(this.settledAtMs);
    this.isAtDestination = true;
  }

  /** Pages compared since they were sent last. */
  get comparedPages(): number {
    return this.transfer.comparedPages;
  }

  /** Compare a page of the destination with the source's. @throws PageferryError `not-identical` */
  compare(page: number): void {
    this.transfer.compare(page);
  }

  /** Compare all pages, except those of `except` and free pages that were never sent. @throws as `compare` */
  compareAll(except?: PageBitmap): Promise<void> {
    return this.transfer.compareAll(() => this.yieldIfDue(), except);
  }

  /** End the stream and verify the guest. @throws PageferryError `not-identical` */
  finish(): void {
    if (!this.isAtDestination)
      throw new PageferryError('not-identical', 'the guest was never resumed at the destination');
    for (const page of this.requiredPages!)
      if (!this.transfer.wasCompared(page))
        throw new PageferryError('not-identical', `page ${page} was never sent or compared`);
    this.settledAtMs = Math.max(this.settledAtMs, this.transmit(this.transfer.end()));
  }

  close(): Promise<void> {
    return this.transfer.close();
  }
}
