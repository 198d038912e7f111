import { createPageReceiver, type PageReceiver } from '../engine/page-receiver.js';
import { createPageSender, type Finds, type PageSender } from '../engine/page-sender.js';
import { PageBitmap } from '../page/bitmap.js';
import { PageferryError } from '../page/error.js';
import type { Strategy, StreamState } from '../strategy/strategy.js';
import { type Costs, decodeMs, findUs } from './costs.js';
import type { Guest } from './guest.js';
import { HostMemory } from './host.js';
import { Link, type LinkSpec } from './link.js';
import { metered, type Work } from './metered.js';
import { Random } from './random.js';

/** One of the two hosts. */
export interface HostSpec {
  /** Threads that pack, or that unpack. */
  readonly threads: number;
  /** Share of a core that each gets: guests need theirs. */
  readonly share: number;
}

/** What a migration is played with. */
export interface MigrationSettings {
  readonly guest: Guest;
  readonly link: LinkSpec;
  readonly strategy: Strategy;
  readonly finds: Finds;
  readonly costs: Costs;
  readonly source: HostSpec;
  readonly destination: HostSpec;
  readonly downtimeLimitMs: number;
  readonly seed: number;
  /** Whether the channel is TLS 1.3. */
  readonly sealed: boolean;
  /** Memory for pages as they were sent, in bytes of the real guest. */
  readonly cacheBytes: number;
  /** Bytes a second that both hosts read from the storage that they share. */
  readonly storageBytesPerSecond: number;
  /** Whether a guest that is written to faster than it is sent is slowed down, as QEMU's auto-converge does. */
  readonly autoConverge: boolean;
}

/** What happened between one look at the dirty log and the next. */
export interface Round {
  readonly fromMs: number;
  toMs: number;
  pages: number;
  bytes: number;
  /** Not sent in this round, by reason. */
  readonly left: Record<string, number>;
}

const BATCH_PAGES = 512;
/** Where each page stands for many, a batch is so much more of the real guest. */
const SAMPLE_BATCH_PAGES = 64;
const INDEX_PAGES = 1 << 17;
/** So much of the link's time may wait before it: what is in a socket's buffer. */
const QUEUE_MS = 20;
/** What the storage has to read may be so much more than what the link has to carry. */
const AHEAD_MS = 50;
/** TLS 1.3 puts so many bytes round each record of up to 16 KiB. */
const RECORD_BYTES = 16384;
const SEAL_BYTES = 22;

function sealedBytes(bytes: number): number {
  return bytes + SEAL_BYTES * Math.ceil(bytes / RECORD_BYTES);
}

/**
 * A migration in virtual time: pages really are coded, sent as the bytes that they became, decoded and put into the destination's
 * memory; only the clock is reckoned, by the costs of that work, the link's rate and its round trip. Techniques are written in terms
 * of what this class can do.
 */
export class Migration {
  /** The sender's time: all before is done. */
  nowMs = 0;
  /** Pages written to since `takeDirty`. */
  readonly dirty: PageBitmap;
  readonly rounds: Round[] = [];
  readonly link: Link;
  readonly random: Random;
  readonly memory: HostMemory;
  /** Pages that the destination has, in some version. */
  readonly arrived: PageBitmap;
  /** When everything that was sent so far is in the destination's memory. */
  settledAtMs = 0;
  sourceCpuMs = 0;
  destinationCpuMs = 0;
  downtimeMs = 0;
  /** How fast the guest runs: less than 1 while it is slowed down. */
  speed = 1;
  /** Time that the guest lost while it ran, waiting for pages or slowed down. */
  lostMs = 0;
  pagesSent = 0;
  faults = 0;
  /** Why it stopped before it was done by its own measure; undefined: it was. */
  gaveUp: string | undefined;
  private guestMs = 0;
  private playedMs = 0;
  private stoppedAtMs: number | undefined;
  private storageFreeMs = 0;
  beganMs = 0;
  private readonly page: Uint8Array;
  private readonly other: Uint8Array;
  private readonly compared: PageBitmap;

  private constructor(
    readonly settings: MigrationSettings,
    private readonly sender: PageSender,
    private readonly receiver: PageReceiver,
    private readonly work: Work,
    private readonly progress: { image: number; share: number },
    link: Link,
    memory: HostMemory,
  ) {
    const { pages, pageBytes } = settings.guest;
    this.link = link;
    this.memory = memory;
    this.dirty = new PageBitmap(pages);
    this.arrived = new PageBitmap(pages);
    this.compared = new PageBitmap(pages);
    this.random = new Random(settings.seed);
    this.page = new Uint8Array(pageBytes);
    this.other = new Uint8Array(pageBytes);
    receiver.push(sender.begin());
  }

  static async open(settings: MigrationSettings): Promise<Migration> {
    const { guest, source, costs, finds } = settings;
    const { pages, pageBytes, pagesEach, name } = guest;
    const link = new Link(settings.link);
    const memory = new HostMemory(pageBytes);
    const work: Work = { decideMs: 0, packMs: 0, unpackMs: 0 };
    const progress = { image: 0, share: 0 };
    let migration: Migration | undefined;
    const state: StreamState = {
      linkBitsPerSecond: settings.link.bitsPerSecond,
      get bytesTaken() {
        return link.bytes - link.backlogBytes(migration?.nowMs ?? 0);
      },
      threads: source.threads,
      elapsedMs: () => migration?.nowMs ?? 0,
      get bytesOut() {
        return link.bytes;
      },
      pendingMs: 0,
      handoverMs: () => 0,
      zstd: true,
      progress,
    };
    const sender = await createPageSender({
      name,
      pages,
      pageBytes,
      strategy: metered(settings.strategy, costs, work),
      state,
      finds,
      cacheBytes: Math.floor(Math.min(settings.cacheBytes / pagesEach, pages * pageBytes)),
      batchPages: pagesEach > 1 ? SAMPLE_BATCH_PAGES : BATCH_PAGES,
      indexPages: Math.min(pages, INDEX_PAGES),
      readAgain: (page, into) => migration?.readClean(page, into) ?? false,
    });
    const receiver = await createPageReceiver({ open: () => memory });
    migration = new Migration(settings, sender, receiver, work, progress, link, memory);
    return migration;
  }

  get guest(): Guest {
    return this.settings.guest;
  }

  get pages(): number {
    return this.settings.guest.pages;
  }

  private get batchPages(): number {
    return this.guest.pagesEach > 1 ? SAMPLE_BATCH_PAGES : BATCH_PAGES;
  }

  /** The round in work. */
  get round(): Round {
    return this.rounds[this.rounds.length - 1]!;
  }

  /** Pages that were written to since the last time it was asked. */
  takeDirty(): PageBitmap {
    this.runGuest();
    const taken = this.dirty.clone();
    this.dirty.clear();
    return taken;
  }

  beginRound(): void {
    this.rounds.push({ fromMs: this.nowMs, toMs: this.nowMs, pages: 0, bytes: 0, left: {} });
    this.progress.image = this.rounds.length - 1;
    this.progress.share = 0;
  }

  /** Notes that pages are not sent in this round, and why. */
  leave(reason: string, pages = 1): void {
    const { left } = this.round;
    left[reason] = (left[reason] ?? 0) + pages;
  }

  /**
   * Sends pages, as they are when their batch is their turn. `wanted` is asked then; the guest goes on meanwhile, unless it was
   * stopped. `of`: how many there are about, for the strategy's outlook.
   */
  async send(pages: Iterable<number>, wanted: (page: number) => boolean = () => true, of = this.pages): Promise<void> {
    const numbers: number[] = [];
    let seen = 0;
    for (const page of pages) {
      if (numbers.length === 0) this.runGuest();
      seen++;
      if (!wanted(page)) continue;
      numbers.push(page);
      if (numbers.length < this.batchPages) continue;
      this.progress.share = Math.min(1, seen / of);
      await this.batch(numbers);
      numbers.length = 0;
    }
    this.progress.share = 1;
    if (numbers.length > 0) await this.batch(numbers);
  }

  /** Sends one batch of pages as they are now; returns when they are in the destination's memory. */
  async batch(numbers: readonly number[], queueMs = QUEUE_MS): Promise<number> {
    const { sender, receiver, work } = this;
    const { guest, costs, finds, source, destination } = this.settings;
    const { pageBytes, pagesEach } = guest;
    numbers.forEach((page, i) => {
      guest.read(page, sender.room.subarray(i * pageBytes, (i + 1) * pageBytes));
      this.arrived.add(page);
      this.compared.delete(page);
    });
    work.decideMs = 0;
    work.packMs = 0;
    work.unpackMs = 0;
    const { packed } = await sender.batch(numbers);
    const { parts, bytes, counts, done } = await packed;
    for (const part of parts) receiver.push(part);
    done();
    const units = (pagesEach * pageBytes) / 4096;
    const decideMs = pagesEach * work.decideMs + (units * numbers.length * (costs.copyUs + findUs(costs, finds))) / 1000;
    const packingMs = pagesEach * work.packMs;
    this.nowMs += (decideMs + packingMs / source.threads) / source.share;
    this.sourceCpuMs += decideMs + packingMs;
    const placeMs = (units / pagesEach) * pagesEach * decodeMs(costs, counts, finds);
    const unpackingMs = pagesEach * work.unpackMs;
    this.destinationCpuMs += placeMs + unpackingMs;
    const arrivedMs = this.transmit(bytes * pagesEach);
    this.settledAtMs = Math.max(this.settledAtMs, arrivedMs) + (placeMs + unpackingMs / destination.threads) / destination.share;
    // Neither the link nor the destination is run ahead of: their buffers are small.
    this.nowMs = Math.max(this.nowMs, this.link.freeAtMs - queueMs, this.settledAtMs - this.settings.link.rttMs / 2 - queueMs);
    this.pagesSent += numbers.length;
    if (this.rounds.length > 0) this.round.pages += numbers.length;
    return this.settledAtMs;
  }

  /** Sends bytes that are no pages; returns when they arrived. */
  transmit(bytes: number): number {
    const before = this.link.bytes;
    const { sealed, costs } = this.settings;
    if (sealed) {
      const ms = bytes / costs.sealBytesPerMs;
      this.sourceCpuMs += ms;
      this.destinationCpuMs += ms;
      this.nowMs += ms;
    }
    const arrivedMs = this.link.send(sealed ? sealedBytes(bytes) : bytes, this.nowMs);
    if (this.rounds.length > 0) {
      this.round.bytes += this.link.bytes - before;
      this.round.toMs = this.link.freeAtMs;
    }
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
    this.settledAtMs = Math.max(this.settledAtMs, this.storageFreeMs);
    for (const page of pages) {
      guest.readBlock(guest.blockOf(page), this.page);
      this.hold(page, this.page);
    }
    this.nowMs = Math.max(this.nowMs, this.link.freeAtMs - QUEUE_MS);
  }

  /**
   * Takes up what the destination kept from an earlier visit; returns the pages that are what they were then. `tableBytes` travel for
   * each page, to tell them apart.
   */
  takeUpKept(tableBytes: number): PageBitmap {
    const { guest } = this.settings;
    const same = new PageBitmap(guest.pages);
    const now = this.other;
    let kept = 0;
    for (let page = 0; page < guest.pages; page++) {
      if (!guest.kept(page, this.page)) continue;
      kept++;
      this.hold(page, this.page);
      guest.read(page, now);
      if (Buffer.compare(now, this.page) === 0) same.add(page);
    }
    if (kept > 0) this.nowMs = Math.max(this.nowMs, this.transmit(kept * tableBytes * guest.pagesEach));
    return same;
  }

  /** Estimated bytes on the wire of so many pages, from what the last ones took. */
  estimateBytes(pages: number): number {
    const { guest } = this.settings;
    const last = this.rounds.findLast((round) => round.pages >= 64 || round.pages >= pages / 2);
    const each = last && last.pages > 0 ? last.bytes / last.pages : guest.pageBytes * guest.pagesEach;
    return pages * each;
  }

  /** Estimated downtime if the guest were stopped now with so many pages still to be sent. */
  estimateDowntimeMs(pages: number): number {
    const bytes = this.estimateBytes(pages) + this.guest.stateBytes;
    const waitMs = Math.max(0, this.link.freeAtMs - this.nowMs, this.settledAtMs - this.nowMs);
    return bytes / this.link.bytesPerMs + waitMs + this.settings.link.rttMs;
  }

  /** Stops the guest at the source. */
  stop(): void {
    this.runGuest();
    this.stoppedAtMs = this.nowMs;
  }

  get stopped(): boolean {
    return this.stoppedAtMs !== undefined;
  }

  /** Sends registers and device state; the guest goes on at the destination once all that was sent is there. Returns when. */
  resume(): number {
    const arrivedMs = this.transmit(this.guest.stateBytes);
    this.settledAtMs = Math.max(this.settledAtMs, arrivedMs);
    this.downtimeMs += this.settledAtMs - this.stoppedAtMs!;
    this.playedMs = this.settledAtMs;
    return this.settledAtMs;
  }

  /** What came before was no part of the migration. */
  beginHere(): void {
    this.beganMs = this.nowMs;
  }

  /** Whether the storage would have a page there before the link. */
  get storageIsAhead(): boolean {
    return this.storageFreeMs < Math.max(this.link.freeAtMs, this.nowMs) + AHEAD_MS;
  }

  /** Runs the guest, at the source, until now. */
  runGuest(): void {
    if (this.stopped) return;
    const goal = this.guestMs + (this.nowMs - this.playedMs) * this.speed;
    this.lostMs += (this.nowMs - this.playedMs) * (1 - this.speed);
    this.guestMs = this.guest.run(goal, (page, write) => {
      if (write) this.dirty.add(page);
      return true;
    });
    this.playedMs = this.nowMs;
  }

  /**
   * Runs the guest at the destination, from where it was, until `toMs`. Returns the page that it waits for and since when, if it came
   * upon one that is `missing`.
   */
  runAtDestination(toMs: number, missing: PageBitmap): { page: number; atMs: number } | undefined {
    if (toMs <= this.playedMs) return undefined;
    const goal = this.guestMs + (toMs - this.playedMs);
    let fault = -1;
    const reached = this.guest.run(goal, (page) => {
      if (!missing.has(page)) return true;
      fault = page;
      return false;
    });
    this.playedMs += reached - this.guestMs;
    this.guestMs = reached;
    if (fault >= 0) return { page: fault, atMs: this.playedMs };
    this.playedMs = toMs;
    return undefined;
  }

  /** The page that the guest waited for since `sinceMs` is there. */
  goOn(sinceMs: number, atMs: number): void {
    this.lostMs += Math.max(0, atMs - sinceMs);
    this.playedMs = Math.max(this.playedMs, atMs);
  }

  /** Compares the destination's page with the source's. @throws PageferryError `not-identical` */
  compare(page: number): void {
    this.guest.read(page, this.page);
    this.memory.read(page, this.other);
    if (Buffer.compare(this.page, this.other) !== 0)
      throw new PageferryError('not-identical', `page ${page} is not at the destination what it is at the source`);
    this.compared.add(page);
  }

  /** Compares all pages but those of `except`, and free ones that were never sent. */
  compareAll(except?: PageBitmap): void {
    for (let page = 0; page < this.pages; page++) {
      if (except?.has(page) || (!this.arrived.has(page) && !this.guest.isAllocated(page))) continue;
      this.compare(page);
    }
  }

  /** Ends the stream: the destination proves all that arrived by its digest. Returns how many pages were compared. */
  finish(): number {
    const end = this.sender.end();
    this.transmit(end.length);
    this.receiver.push(end);
    this.receiver.finish();
    return this.compared.count;
  }

  async close(): Promise<void> {
    await this.sender.close();
  }

  get cache() {
    return this.sender.cache;
  }

  /** The destination has the page by other means. */
  private hold(page: number, bytes: Uint8Array): void {
    this.memory.write(page, bytes);
    this.receiver.held(page);
    this.sender.room.set(bytes);
    this.sender.held(page);
    this.arrived.add(page);
  }

  /** A page that was not written to since it was sent is still what the destination has. */
  private readClean(page: number, into: Uint8Array): boolean {
    if (this.dirty.has(page)) return false;
    this.guest.read(page, into);
    return true;
  }
}
