import type { Slots } from '../../kernels/arena.js';
import type { Kernels } from '../../kernels/kernels.js';
import type { StoreDatabase } from '../database.js';
import { FEATURES, type FrameFeatures } from '../page-features.js';
import type { BaseFrames } from './base-frames.js';
import type { PageBatch } from './batch.js';

const SLOT_BYTES = 12;
const MIN_SLOTS = 1 << 14;
/** 48 MiB: the features of a million pages. */
const MAX_SLOTS = 1 << 22;
/** Assumed pages of an image whose size is not known. */
const DEFAULT_PAGES = 1 << 18;
/** Expected share of new pages where there is a parent; if there are more, they replace older ones. */
const NEW_SHARE = 1 / 8;

/**
 * An index of the store's plain pages by their features, to find base pages for new pages. Pages that share a
 * feature are most likely similar.
 */
export class SimilarPages {
  private readonly kernels: Kernels;
  private readonly slotCount: number;
  private readonly table: number;
  private readonly features: number;
  private readonly one: number;
  private readonly found: number;
  /** Pages that share features with a page: frame, slot and number of shared features. */
  private readonly frames = new Uint32Array(FEATURES);
  private readonly slots = new Uint32Array(FEATURES);
  private readonly shared = new Uint32Array(FEATURES);
  private isLoaded = false;

  constructor(
    slots: Slots,
    private readonly db: StoreDatabase,
    private readonly pageBytes: number,
    imageBytes: number | undefined,
    hasParent: boolean,
  ) {
    this.kernels = slots.kernels;
    const pages = imageBytes === undefined ? DEFAULT_PAGES : Math.ceil(imageBytes / pageBytes);
    const wanted =
      2 ** Math.ceil(Math.log2(FEATURES * (db.pageCount + (hasParent ? NEW_SHARE : 1) * pages + 1)));
    this.slotCount = Math.min(MAX_SLOTS, Math.max(MIN_SLOTS, wanted));
    this.table = slots.slot('features of pages', SLOT_BYTES * this.slotCount);
    this.features = slots.slot('features of a page', 64);
    this.one = this.features + 16;
    this.found = this.features + 32;
  }

  /**
   * Compute the features of the page at `address`, which `batch` has added last, and let it be tried against
   * the page that shares most of them.
   */
  use(batch: PageBatch, address: number, bases: BaseFrames): void {
    if (!this.isLoaded) this.load();
    const { run, words } = this.kernels;
    run.sketchPage(address, this.pageBytes, this.features);
    const from = this.features >>> 2;
    const to = FEATURES * (batch.count - 1);
    for (let i = 0; i < FEATURES; i++) batch.features[to + i] = words[from + i]!;
    const best = this.mostSimilar(batch);
    if (best >= 0) bases.usePlain(batch, this.frames[best]!, this.slots[best]!);
  }

  /** Return the index of the page that shares most features; -1: there is none, or one is tried already. */
  private mostSimilar(batch: PageBatch): number {
    const { frames, slots, shared } = this;
    const count = this.findShared();
    let best = -1;
    for (let i = 0; i < count; i++) {
      if (batch.isLastLink(frames[i]!, slots[i]!)) return -1;
      const more = best < 0 ? 1 : shared[i]! - shared[best]!;
      // Of two with as many, prefer the one whose frame is in the batch already.
      if (more > 0 || (more === 0 && !batch.hasBase(frames[best]!) && batch.hasBase(frames[i]!))) best = i;
    }
    return best;
  }

  /** Find the pages that share at least one feature, and return their number. */
  private findShared(): number {
    const { run, words } = this.kernels;
    const { frames, slots, shared } = this;
    const from = this.features >>> 2;
    const one = this.one >>> 2;
    let count = 0;
    for (let i = 0; i < FEATURES; i++) {
      if (words[from + i] === 0) continue;
      for (let j = 0; j < FEATURES; j++) words[one + j] = i === j ? words[from + i]! : 0;
      if (run.sketchFind(this.table, this.slotCount, this.one, this.found) === 0) continue;
      const frame = words[this.found >>> 2]!;
      const slot = words[(this.found >>> 2) + 1]!;
      let at = 0;
      while (at < count && (frames[at] !== frame || slots[at] !== slot)) at++;
      if (at === count) shared[count++] = 0;
      frames[at] = frame;
      slots[at] = slot;
      shared[at]!++;
    }
    return count;
  }

  /** Add the pages of a frame, all of which are plain. */
  add({ frame, features }: FrameFeatures): void {
    const { run, words } = this.kernels;
    for (let slot = 0; FEATURES * slot < features.length; slot++) {
      for (let i = 0; i < FEATURES; i++) words[(this.one >>> 2) + i] = features[FEATURES * slot + i]!;
      run.sketchInsert(this.table, this.slotCount, this.one, frame, slot);
    }
  }

  /** Add the pages of the store, the newest ones if there are more than the table has space for. */
  private load(): void {
    this.isLoaded = true;
    const records: (readonly FrameFeatures[])[] = [];
    let left = this.slotCount;
    for (const id of this.db.featureIds()) {
      if (left <= 0) break;
      const record = this.recordOf(id);
      records.push(record);
      for (const { features } of record) left -= features.length;
    }
    // Oldest first: the newest page with a feature is the one that is found.
    for (const record of records.reverse()) for (const frame of record) this.add(frame);
  }

  private recordOf(id: number): readonly FrameFeatures[] {
    try {
      return this.db.pageFeatures(id) ?? [];
    } catch {
      return []; // `check` names the damage
    }
  }
}
