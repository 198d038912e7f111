import type { Slots } from '../kernels/arena.js';
import { GuestDigest } from './guest-digest.js';
import { isDigest } from './page-digests.js';
import { PageTable } from './page-table.js';

/** The number of an image that both hosts have (`BASE` in the stream format). */
const BASE_IMAGE = 1;
/** Word of a page's table entry that has the number of its cache slot plus 1; 0: its bytes are not cached. */
const SLOT_WORD = 4;
const NO_OWNER = -1;

/** An image that both hosts have and that pages may refer to. */
export interface BasePages {
  /** Pages of the image. */
  readonly pages: number;
  /** Fill `into` with the bytes of `page`. */
  read(page: number, into: Uint8Array): void;
}

/** Number of look-ups of a page's bytes, and of hits. */
export interface CacheStats {
  readonly lookups: number;
  readonly hits: number;
}

/**
 * The pages of a guest as the receiver has them now: a digest for every page, and the bytes of some pages in
 * a cache of fixed size, for deltas and references. The cache evicts approximately the page that was put
 * longest ago (second chance, one bit per slot). Look-ups do not change the order, so a receiver with a cache
 * of the same size caches the same pages.
 */
export class RemotePageCache {
  private readonly table = new PageTable();
  private readonly guestDigest: GuestDigest;
  private readonly firstSlot: number;
  private slotCount = 0;
  /** By slot: the page whose bytes it has, or NO_OWNER. */
  private owners = new Float64Array(0);
  /** By slot: 1 if it was written since the clock hand passed it. */
  private recent = new Uint8Array(0);
  private hand = 0;
  private usedSlots = 0;
  private readonly digest: number;
  /**
   * Buffers for pages that are not cached; two, since the last version and another page are in use together.
   */
  private readonly buffers: readonly [own: number, other: number];
  private lookups = 0;
  private hits = 0;

  /** `pageBytes`: the size of a page, or the largest size where {@link setPageBytes} sets it later. */
  constructor(
    private readonly memory: Slots,
    private pageBytes: number,
    private readonly cacheBytes: number,
    /** Read a page that is not cached, which is used if its digest matches; return false if impossible. */
    private readonly rereadPage?: (page: number, into: Uint8Array) => boolean,
    private readonly base?: BasePages,
  ) {
    this.firstSlot = memory.slot('page cache', cacheBytes, 'cacheBytes');
    this.digest = memory.slot('page digest', 16);
    this.buffers = [memory.slot('last version', pageBytes), memory.slot('other page', pageBytes)];
    this.guestDigest = new GuestDigest(memory);
    this.setPageBytes(pageBytes);
  }

  /** Set the page size of an empty cache, at most the size given to the constructor. */
  setPageBytes(pageBytes: number): void {
    this.pageBytes = pageBytes;
    this.slotCount = Math.floor(this.cacheBytes / pageBytes);
    this.owners = new Float64Array(this.slotCount);
    this.recent = new Uint8Array(this.slotCount);
  }

  get stats(): CacheStats {
    return { lookups: this.lookups, hits: this.hits };
  }

  /** Return the digest, 16 bytes, of all pages that the receiver has. Takes constant time. */
  digestOfGuest(guestBytes: number): Uint8Array {
    return this.guestDigest.value(guestBytes);
  }

  /**
   * Record that the receiver has `page` with the digest at `digest`. `address`: address of its bytes, which
   * are cached; 0: none.
   */
  put(page: number, digest: number, address: number): void {
    const entry = this.table.open(page);
    const at = PageTable.offset(page);
    this.setDigest(page, entry, at, digest);
    const cached = entry[at + SLOT_WORD]!;
    if (address === 0 || this.slotCount === 0) {
      if (cached !== 0) this.releaseSlot(cached - 1);
      entry[at + SLOT_WORD] = 0;
      return;
    }
    let slot = cached - 1;
    if (cached === 0) {
      slot = this.takeSlot();
      this.owners[slot] = page;
      entry[at + SLOT_WORD] = slot + 1;
    }
    this.recent[slot] = 1;
    this.memory.kernels.run.copyBytes(this.addressOf(slot), address, this.pageBytes);
  }

  /** Record that the receiver's version of `page` is unknown. */
  invalidate(page: number): void {
    const entry = this.table.find(page);
    if (!entry) return;
    const at = PageTable.offset(page);
    if (hasDigest(entry, at)) this.guestDigest.remove(page, entry, at);
    if (entry[at + SLOT_WORD] !== 0) this.releaseSlot(entry[at + SLOT_WORD]! - 1);
    entry.fill(0, at, at + SLOT_WORD + 1);
  }

  /** Return whether the receiver has `page`. */
  has(page: number): boolean {
    const entry = this.table.find(page);
    return entry !== undefined && hasDigest(entry, PageTable.offset(page));
  }

  /** Return whether the receiver has `page` with the digest at `digest`. */
  matches(page: number, digest: number): boolean {
    const entry = this.table.find(page);
    if (!entry) return false;
    return isDigest(entry, PageTable.offset(page), this.memory.kernels.words, digest >>> 2);
  }

  /**
   * Return the address of the receiver's version of a page, valid until the next `find`; 0 if not available.
   */
  find(image: number, page: number): number {
    const buffer = this.buffers[1];
    if (!this.base || image !== BASE_IMAGE) return this.lookUp(page, buffer);
    this.base.read(page, this.memory.kernels.bytes.subarray(buffer, buffer + this.pageBytes));
    return buffer;
  }

  /** As `find`, for a page of the guest; the address is valid until the next `version`. */
  version(page: number): number {
    return this.lookUp(page, this.buffers[0]);
  }

  /** Return true: `find` returns only bytes that the receiver has. */
  isAsSent(): boolean {
    return true;
  }

  /** Return whether the receiver's `page` has the bytes at `address`; compares all of them. */
  confirm(image: number, page: number, address: number): boolean {
    const found = this.find(image, page);
    return found !== 0 && this.memory.kernels.run.pagesEqual(found, address, this.pageBytes) === 1;
  }

  private setDigest(page: number, entry: Uint32Array, at: number, digest: number): void {
    const { words } = this.memory.kernels;
    const from = digest >>> 2;
    if (isDigest(entry, at, words, from)) return;
    if (hasDigest(entry, at)) this.guestDigest.remove(page, entry, at);
    for (let i = 0; i < 4; i++) entry[at + i] = words[from + i]!;
    this.guestDigest.add(page, entry, at);
  }

  private lookUp(page: number, buffer: number): number {
    this.lookups++;
    const entry = this.table.find(page);
    if (!entry) return 0;
    const cached = entry[PageTable.offset(page) + SLOT_WORD]!;
    if (cached !== 0) {
      this.hits++;
      return this.addressOf(cached - 1);
    }
    const { bytes, run } = this.memory.kernels;
    if (!this.rereadPage || !this.has(page)) return 0;
    if (!this.rereadPage(page, bytes.subarray(buffer, buffer + this.pageBytes))) return 0;
    run.hash128(buffer, this.pageBytes, 0, 0, this.digest);
    if (!this.matches(page, this.digest)) return 0;
    this.hits++;
    return buffer;
  }

  private addressOf(slot: number): number {
    return this.firstSlot + slot * this.pageBytes;
  }

  /**
   * Return an unused slot, or evict the page of the next slot that was not written since the hand passed it.
   */
  private takeSlot(): number {
    if (this.usedSlots < this.slotCount) return this.usedSlots++;
    for (;;) {
      const slot = this.hand;
      this.hand = (this.hand + 1) % this.slotCount;
      if (this.recent[slot] === 1) {
        this.recent[slot] = 0;
        continue;
      }
      const owner = this.owners[slot]!;
      if (owner !== NO_OWNER) this.table.open(owner)[PageTable.offset(owner) + SLOT_WORD] = 0;
      return slot;
    }
  }

  private releaseSlot(slot: number): void {
    this.owners[slot] = NO_OWNER;
    this.recent[slot] = 0;
  }
}

/** Return whether the receiver has the page; else its digest is four words of zero. */
function hasDigest(entry: Uint32Array, at: number): boolean {
  return (entry[at]! | entry[at + 1]! | entry[at + 2]! | entry[at + 3]!) !== 0;
}
