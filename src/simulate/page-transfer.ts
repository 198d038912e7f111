import { createPageReceiver } from '../engine/live/create-page-receiver.js';
import { createPageSender } from '../engine/live/create-page-sender.js';
import type { PageReceiver } from '../engine/live/page-receiver.js';
import {
  BYPASSED_PAGE,
  BYPASSED_UNCHANGED,
  type DedupLevel,
  type PageSender,
} from '../engine/live/page-sender.js';
import { PageBitmap } from '../page/bitmap.js';
import { PageferryError } from '../page/error.js';
import type { Strategy, StreamState } from '../strategy/strategy.js';
import { type Costs, decodeMs, findUs } from './costs.js';
import type { Guest } from './guest.js';
import { HostMemory } from './host-memory.js';
import { metered, type Work } from './metered.js';

/** How a guest's pages are coded. */
export interface Coding {
  readonly strategy: Strategy;
  readonly dedup: DedupLevel;
  readonly costs: Costs;
  /** Memory for pages as they were sent, in bytes of the real guest. */
  readonly cacheBytes: number;
}

/** What a batch became, and what that takes: bytes and ms of the real guest. */
export interface Carried {
  readonly bytes: number;
  /** At the source: deciding, on one thread, and packing, over all. */
  readonly decideMs: number;
  readonly packMs: number;
  /** At the destination. */
  readonly placeMs: number;
  readonly unpackMs: number;
}

const BATCH_PAGES = 512;
/** Where each page stands for many, a batch is so much more of the real guest. */
const SAMPLE_BATCH_PAGES = 64;
const INDEX_PAGES = 1 << 17;
/** Page number and kind of a page that bypasses coding, as the agent sends them. */
const BYPASS_ENTRY_BYTES = 6;

/** Really codes a guest's pages, decodes them and puts them into the destination's memory. Knows what that takes, but no clock. */
export class PageTransfer {
  /** Pages that the destination has, in some version. */
  readonly arrived: PageBitmap;
  readonly batchPages: number;
  private readonly compared: PageBitmap;
  private readonly page: Uint8Array;
  private readonly other: Uint8Array;

  private constructor(
    private readonly guest: Guest,
    private readonly coding: Coding,
    private readonly memory: HostMemory,
    private readonly sender: PageSender,
    private readonly receiver: PageReceiver,
    private readonly work: Work,
  ) {
    const { pages, pageBytes } = guest;
    this.arrived = new PageBitmap(pages);
    this.compared = new PageBitmap(pages);
    this.page = new Uint8Array(pageBytes);
    this.other = new Uint8Array(pageBytes);
    this.batchPages = batchPages(guest);
    receiver.push(sender.begin(guest.name, pages));
  }

  /** `isClean`: whether a page was left alone since it was sent. */
  static async open(
    guest: Guest,
    coding: Coding,
    state: StreamState,
    isClean: (page: number) => boolean,
  ): Promise<PageTransfer> {
    const { pages, pageBytes, pagesEach } = guest;
    const memory = new HostMemory(pageBytes);
    const work: Work = { decideMs: 0, packMs: 0, unpackMs: 0 };
    const sender = await createPageSender({
      pageBytes,
      strategy: metered(coding.strategy, coding.costs, work),
      state,
      dedup: coding.dedup,
      cacheBytes: Math.floor(Math.min(coding.cacheBytes / pagesEach, pages * pageBytes)),
      batchPages: batchPages(guest),
      indexPages: Math.min(pages, INDEX_PAGES),
      rereadPage(page, into) {
        if (!isClean(page)) return false;
        guest.read(page, into);
        return true;
      },
    });
    const receiver = await createPageReceiver({ open: () => memory });
    return new PageTransfer(guest, coding, memory, sender, receiver, work);
  }

  get comparedPages(): number {
    return this.compared.count;
  }

  /** Takes a batch of pages over as they are now. */
  async carry(numbers: readonly number[]): Promise<Carried> {
    const { sender, receiver, work, guest } = this;
    const { costs, dedup } = this.coding;
    const { pageBytes, pagesEach } = guest;
    numbers.forEach((page, i) => {
      guest.read(page, sender.buffer.subarray(i * pageBytes, (i + 1) * pageBytes));
      this.arrived.add(page);
      this.compared.delete(page);
    });
    work.decideMs = 0;
    work.packMs = 0;
    work.unpackMs = 0;
    // Without dedup every page travels whole, which is not what bypassing does.
    if (dedup !== 'off' && sender.shouldBypass()) return this.bypass(numbers);
    const { packed } = await sender.batch(numbers);
    const { parts, bytes, counts, release: done } = await packed;
    for (const part of parts) receiver.push(part);
    done();
    const units = (pagesEach * pageBytes) / 4096;
    return {
      bytes: bytes * pagesEach,
      decideMs:
        pagesEach * work.decideMs + (units * numbers.length * (costs.copyUs + findUs(costs, dedup))) / 1000,
      packMs: pagesEach * work.packMs,
      placeMs: units * decodeMs(costs, counts, dedup),
      unpackMs: pagesEach * work.unpackMs,
    };
  }

  /** Transfers a batch uncompressed: fills as one byte, unchanged pages not at all, no codec. */
  private bypass(numbers: readonly number[]): Carried {
    const { sender, receiver, guest } = this;
    const { costs, dedup } = this.coding;
    const { pageBytes, pagesEach } = guest;
    const kinds = sender.bypass(numbers);
    const sent: number[] = [];
    const fills: number[] = [];
    const whole: Uint8Array[] = [];
    numbers.forEach((page, i) => {
      const kind = kinds[i]!;
      if (kind === BYPASSED_UNCHANGED) return;
      sent.push(page);
      fills.push(kind === BYPASSED_PAGE ? -1 : kind);
      if (kind === BYPASSED_PAGE) whole.push(sender.buffer.subarray(i * pageBytes, (i + 1) * pageBytes));
    });
    receiver.bypassed(sent, fills, Buffer.concat(whole));
    const units = (pagesEach * pageBytes) / 4096;
    const bytes = whole.length * pageBytes + sent.length * BYPASS_ENTRY_BYTES;
    return {
      bytes: bytes * pagesEach,
      decideMs: (units * numbers.length * (costs.copyUs + findUs(costs, dedup))) / 1000,
      packMs: 0,
      placeMs: (units * sent.length * (costs.copyUs + costs.surveyUs)) / 1000,
      unpackMs: 0,
    };
  }

  /** The destination reads the block that a page mirrors. */
  readBlock(page: number): void {
    this.guest.readBlock(this.guest.blockOf(page), this.page);
    this.hold(page);
  }

  /** Takes up what the destination kept; returns how many pages that are, and those that the guest still has. */
  takeUpKept(): { kept: number; same: PageBitmap } {
    const { guest } = this;
    const same = new PageBitmap(guest.pages);
    let kept = 0;
    for (let page = 0; page < guest.pages; page++) {
      if (!guest.kept(page, this.page)) continue;
      kept++;
      this.hold(page);
      guest.read(page, this.other);
      if (Buffer.compare(this.other, this.page) === 0) same.add(page);
    }
    return { kept, same };
  }

  /** Compares the destination's page with the source's. @throws PageferryError `not-identical` */
  compare(page: number): void {
    this.guest.read(page, this.page);
    this.memory.read(page, this.other);
    if (Buffer.compare(this.page, this.other) !== 0)
      throw new PageferryError(
        'not-identical',
        `page ${page} is not at the destination what it is at the source`,
      );
    this.compared.add(page);
  }

  /** Whether the page is known to be at the destination what it was at the source. */
  wasCompared(page: number): boolean {
    return this.compared.has(page);
  }

  /** Ends the stream: the destination proves by digest all that arrived. Returns the bytes that it took. */
  end(): number {
    const end = this.sender.end();
    this.receiver.push(end);
    this.receiver.finish();
    return end.length;
  }

  async close(): Promise<void> {
    await this.sender.close();
  }

  /** The destination has `page` by other means, as it stands in `this.page`. */
  private hold(page: number): void {
    this.memory.write(page, this.page);
    this.receiver.markPresent(page);
    this.sender.buffer.set(this.page);
    this.sender.markPresent(page);
    this.arrived.add(page);
  }
}

function batchPages({ pagesEach }: Guest): number {
  return pagesEach > 1 ? SAMPLE_BATCH_PAGES : BATCH_PAGES;
}
