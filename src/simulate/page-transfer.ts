import { createPageReceiver } from '../engine/live/create-page-receiver.js';
import { createPageSender } from '../engine/live/create-page-sender.js';
import type { PageReceiver } from '../engine/live/page-receiver.js';
import type { DedupLevel, PageSender } from '../engine/live/page-sender.js';
import { PageBitmap } from '../page/bitmap.js';
import { PageferryError } from '../page/error.js';
import type { Strategy, StreamState } from '../strategy/strategy.js';
import { type Costs, decodeMs, dedupUs } from './costs.js';
import type { Guest } from './guest.js';
import { HostMemory } from './host-memory.js';
import { metered, type Work } from './metered.js';

/** Encoding of a guest's pages. */
export interface Coding {
  readonly strategy: Strategy;
  readonly dedup: DedupLevel;
  readonly costs: Costs;
  /** Cache of sent pages, in bytes of the guest. */
  readonly cacheBytes: number;
}

/** Bytes and CPU time of a batch, scaled up to the whole guest. */
export interface TransferCost {
  readonly bytes: number;
  /** At the source: choosing, on one thread, and packing, summed over all. */
  readonly decideMs: number;
  readonly packMs: number;
  /** At the destination: decoding and writing, and unpacking, summed over all threads. */
  readonly placeMs: number;
  readonly unpackMs: number;
}

const BATCH_PAGES = 512;
/** Batch of a sample: smaller, since each page represents many. */
const SAMPLE_BATCH_PAGES = 64;
const INDEX_PAGES = 1 << 17;
/** Pages that are compared between two yields to other events. */
const COMPARED_PAGES = 256;

/** Encodes a guest's pages, decodes them and writes them to the destination's memory. Computes CPU time. */
export class PageTransfer {
  /** Pages that the destination has in some version. */
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

  /** Create the transfer. `isClean`: whether a page was not written since it was sent. */
  static async open(
    guest: Guest,
    coding: Coding,
    state: StreamState,
    isClean: (page: number) => boolean,
  ): Promise<PageTransfer> {
    const { pages, pageBytes, scale } = guest;
    const memory = new HostMemory(pageBytes);
    const work: Work = { decideMs: 0, packMs: 0, unpackMs: 0 };
    const sender = await createPageSender({
      pageBytes,
      strategy: metered(coding.strategy, coding.costs, work),
      state,
      dedup: coding.dedup,
      cacheBytes: Math.floor(Math.min(coding.cacheBytes / scale, pages * pageBytes)),
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

  /** Transfer a batch of pages with their current content. */
  async transfer(numbers: readonly number[]): Promise<TransferCost> {
    const { sender, receiver, work, guest } = this;
    const { costs, dedup } = this.coding;
    const { pageBytes, scale } = guest;
    numbers.forEach((page, i) => {
      guest.read(page, sender.buffer.subarray(i * pageBytes, (i + 1) * pageBytes));
      this.arrived.add(page);
      this.compared.delete(page);
    });
    work.decideMs = 0;
    work.packMs = 0;
    work.unpackMs = 0;
    const { packed } = await sender.batch(numbers);
    const { parts, bytes, counts, release: done } = await packed;
    for (const part of parts) receiver.push(part);
    done();
    const units = (scale * pageBytes) / 4096;
    return {
      bytes: bytes * scale,
      decideMs:
        scale * work.decideMs + (units * numbers.length * (costs.copyUs + dedupUs(costs, dedup))) / 1000,
      packMs: scale * work.packMs,
      placeMs: units * decodeMs(costs, counts, dedup),
      unpackMs: scale * work.unpackMs,
    };
  }

  /** Let the destination read the disk block that a page holds. */
  readBlock(page: number): void {
    this.guest.readBlock(this.guest.blockOf(page), this.page);
    this.markPresent(page);
  }

  /** Reuse the pages that the destination kept. Return their number, and the unchanged ones. */
  reuseKept(): { keptCount: number; same: PageBitmap } {
    const { guest } = this;
    const same = new PageBitmap(guest.pages);
    let keptCount = 0;
    for (let page = 0; page < guest.pages; page++) {
      if (!guest.readKept(page, this.page)) continue;
      keptCount++;
      this.markPresent(page);
      guest.read(page, this.other);
      if (Buffer.compare(this.other, this.page) === 0) same.add(page);
    }
    return { keptCount, same };
  }

  /** Compare a page of the destination with the source's. @throws PageferryError `not-identical` */
  compare(page: number): void {
    this.guest.read(page, this.page);
    this.memory.read(page, this.other);
    if (Buffer.compare(this.page, this.other) !== 0)
      throw new PageferryError('not-identical', `page ${page} differs between source and destination`);
    this.compared.add(page);
  }

  /** Compare all pages except those of `except` and free pages that were never sent. @throws as `compare` */
  async compareAll(yieldIfDue: () => Promise<void>, except?: PageBitmap): Promise<void> {
    const { guest, arrived } = this;
    for (let page = 0; page < guest.pages; page++) {
      if (page % COMPARED_PAGES === 0) await yieldIfDue();
      if (!except?.has(page) && (arrived.has(page) || guest.isAllocated(page))) this.compare(page);
    }
  }

  /** Whether the page was compared since it was sent last. */
  wasCompared(page: number): boolean {
    return this.compared.has(page);
  }

  /** End the stream, which verifies the whole guest by digest. Returns its bytes. */
  end(): number {
    const end = this.sender.end();
    this.receiver.push(end);
    this.receiver.finish();
    return end.length;
  }

  async close(): Promise<void> {
    await this.sender.close();
  }

  /** Record that the destination got `page` by other means; its bytes are in `this.page`. */
  private markPresent(page: number): void {
    this.memory.write(page, this.page);
    this.receiver.markPresent(page);
    this.sender.buffer.set(this.page);
    this.sender.markPresent(page);
    this.arrived.add(page);
  }
}

function batchPages({ scale }: Guest): number {
  return scale > 1 ? SAMPLE_BATCH_PAGES : BATCH_PAGES;
}
