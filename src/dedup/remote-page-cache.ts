import type { Kernels } from '../kernels/kernels.js';
import { isDigest } from './page-digests.js';

const NONE = 0xffffffff;
/** The number of an image that both sides hold (`BASE` in the stream's format). */
const HELD = 1;
const CHUNK_PAGES = 16384;

/** What a page has in the table: its digest, then the slot of its bytes. */
const WORDS = 5;

/** An image that both sides hold, which pages may refer to. */
export interface BasePages {
  readonly pages: number;
  read(page: number, into: Uint8Array): void;
}

/**
 * The pages of a guest as the receiver has them now: a digest for each, and the bytes of as many as a cache of a fixed size holds.
 * Deltas and references need the bytes; the page that was put longest ago makes room (second chance, one bit a slot). Which pages
 * are there follows from what was put alone, so that a receiver with a cache of the same size has the same ones.
 */
export class RemotePageCache {
  private readonly chunks: (Uint32Array | undefined)[] = [];
  private readonly slots: number;
  private readonly slotCount: number;
  private readonly owners: Float64Array;
  private readonly used: Uint8Array;
  private hand = 0;
  private taken = 0;
  private readonly digest: number;
  /** For a page's own last version, and for others: a delta may need both at a time. */
  private readonly again: readonly [own: number, other: number];
  private lookups = 0;
  private hits = 0;

  constructor(
    private readonly kernels: Kernels,
    private readonly pageBytes: number,
    cacheBytes: number,
    /** Reads a page whose bytes are not in the cache, as the receiver may have it; whether it could. */
    private readonly rereadPage?: (page: number, into: Uint8Array) => boolean,
    private readonly base?: BasePages,
  ) {
    this.slotCount = Math.floor(cacheBytes / pageBytes);
    this.slots = this.slotCount > 0 ? kernels.reserve(this.slotCount * pageBytes, 'sent pages') : 0;
    this.owners = new Float64Array(this.slotCount);
    this.used = new Uint8Array(this.slotCount);
    this.digest = kernels.reserve(16, 'sent page digest');
    this.again = [kernels.reserve(pageBytes, 'sent page'), kernels.reserve(pageBytes, 'other sent page')];
  }

  /** How often a page's bytes were asked for, and how often they were there. */
  get cache(): { readonly lookups: number; readonly hits: number } {
    return { lookups: this.lookups, hits: this.hits };
  }

  /** Notes that the receiver has `page` with the digest at `digest`; `address`: its bytes, to be kept for deltas, 0 for none. */
  put(page: number, digest: number, address: number): void {
    const entry = this.entry(page);
    const at = WORDS * (page % CHUNK_PAGES);
    const { words } = this.kernels;
    for (let i = 0; i < 4; i++) entry[at + i] = words[(digest >>> 2) + i]!;
    let slot = entry[at + 4]!;
    if (address === 0 || this.slotCount === 0) {
      if (slot !== NONE) this.release(slot);
      entry[at + 4] = NONE;
      return;
    }
    if (slot === NONE) {
      slot = this.freeSlot();
      this.owners[slot] = page;
      entry[at + 4] = slot;
    }
    this.used[slot] = 1;
    this.kernels.bytes.copyWithin(this.address(slot), address, address + this.pageBytes);
  }

  /** What the receiver has as `page` is not known any more. */
  invalidate(page: number): void {
    const entry = this.entry(page);
    const at = WORDS * (page % CHUNK_PAGES);
    if (entry[at + 4] !== NONE) this.release(entry[at + 4]!);
    entry.fill(0, at, at + 4);
    entry[at + 4] = NONE;
  }

  /** Whether the receiver has `page`. */
  has(page: number): boolean {
    const chunk = this.chunks[Math.floor(page / CHUNK_PAGES)];
    if (!chunk) return false;
    const at = WORDS * (page % CHUNK_PAGES);
    return (chunk[at]! | chunk[at + 1]! | chunk[at + 2]! | chunk[at + 3]!) !== 0;
  }

  /** Whether the receiver has `page` with the digest at `digest`. */
  matches(page: number, digest: number): boolean {
    const chunk = this.chunks[Math.floor(page / CHUNK_PAGES)];
    if (!chunk) return false;
    const at = WORDS * (page % CHUNK_PAGES);
    return isDigest(chunk, at, this.kernels.words, digest >>> 2);
  }

  /** The four words of a page's digest, all zero where the receiver does not have it. */
  digestOf(page: number): Uint32Array {
    const at = WORDS * (page % CHUNK_PAGES);
    return this.entry(page).subarray(at, at + 4);
  }

  /** Where the page's bytes stand as the receiver has them, or 0. The address is good until the next call. */
  find(image: number, page: number): number {
    if (!this.base || image !== HELD) return this.lookUp(page, this.again[1]);
    const { bytes } = this.kernels;
    this.base.read(page, bytes.subarray(this.again[1], this.again[1] + this.pageBytes));
    return this.again[1];
  }

  /** The same, good until the next call of this one. */
  version(page: number): number {
    return this.lookUp(page, this.again[0]);
  }

  private lookUp(page: number, again: number): number {
    this.lookups++;
    const chunk = this.chunks[Math.floor(page / CHUNK_PAGES)];
    if (!chunk) return 0;
    const slot = chunk[WORDS * (page % CHUNK_PAGES) + 4]!;
    if (slot !== NONE) {
      this.hits++;
      return this.address(slot);
    }
    const { bytes, run } = this.kernels;
    if (!this.rereadPage || !this.has(page)) return 0;
    if (!this.rereadPage(page, bytes.subarray(again, again + this.pageBytes))) return 0;
    run.hash128(again, this.pageBytes, 0, 0, this.digest);
    if (!this.matches(page, this.digest)) return 0;
    this.hits++;
    return again;
  }

  /** `find` gives nothing else. */
  isAsSent(): boolean {
    return true;
  }

  /** Whether the receiver has, as `page`, the bytes at `address`; confirmed byte by byte. */
  confirm(image: number, page: number, address: number): boolean {
    const sent = this.find(image, page);
    return sent !== 0 && this.kernels.run.pagesEqual(sent, address, this.pageBytes) === 1;
  }

  private address(slot: number): number {
    return this.slots + slot * this.pageBytes;
  }

  private entry(page: number): Uint32Array {
    const number = Math.floor(page / CHUNK_PAGES);
    let chunk = this.chunks[number];
    if (!chunk) {
      chunk = new Uint32Array(WORDS * CHUNK_PAGES);
      for (let at = 4; at < chunk.length; at += WORDS) chunk[at] = NONE;
      this.chunks[number] = chunk;
    }
    return chunk;
  }

  /** A slot that nobody uses, or that of the page that was not used for longest. */
  private freeSlot(): number {
    if (this.taken < this.slotCount) return this.taken++;
    for (;;) {
      const slot = this.hand;
      this.hand = (this.hand + 1) % this.slotCount;
      if (this.used[slot] === 1) {
        this.used[slot] = 0;
        continue;
      }
      const owner = this.owners[slot]!;
      if (owner >= 0) this.entry(owner)[WORDS * (owner % CHUNK_PAGES) + 4] = NONE;
      return slot;
    }
  }

  private release(slot: number): void {
    this.owners[slot] = -1;
    this.used[slot] = 0;
  }
}
