import type { Slots } from '../../kernels/arena.js';
import type { Kernels } from '../../kernels/kernels.js';
import type { StoreDatabase } from '../database.js';
import { FEATURES, featurePages, PAGE_FEATURE_BYTES } from '../page-features.js';
import type { BaseFrames } from './base-frames.js';
import type { PageBatch } from './batch.js';

const SLOT_BYTES = 12;
const MIN_SLOTS = 1 << 14;
/** 48 MiB: the features of a million pages. */
const MAX_SLOTS = 1 << 22;
/** Pages of an image whose size is not known. */
const DEFAULT_PAGES = 1 << 18;
/** Similar pages that a page is tried against. */
const MAX_SIMILAR = 2;

/**
 * The plain pages of a store by their features, to find a base page for a page that has none at its position
 * in the parent. A page that shares a feature is similar to a new one, most likely.
 */
export class SimilarPages {
  private readonly kernels: Kernels;
  private readonly slotCount: number;
  private readonly table: number;
  private readonly features: number;
  private readonly one: number;
  private readonly found: number;
  private isLoaded = false;

  constructor(
    slots: Slots,
    private readonly db: StoreDatabase,
    private readonly pageBytes: number,
    imageBytes: number | undefined,
  ) {
    this.kernels = slots.kernels;
    const pages = imageBytes === undefined ? DEFAULT_PAGES : Math.ceil(imageBytes / pageBytes);
    const wanted = 2 ** Math.ceil(Math.log2(FEATURES * (db.pageCount + pages + 1)));
    this.slotCount = Math.min(MAX_SLOTS, Math.max(MIN_SLOTS, wanted));
    this.table = slots.slot('features of pages', SLOT_BYTES * this.slotCount);
    this.features = slots.slot('features of a page', 64);
    this.one = this.features + 16;
    this.found = this.features + 32;
  }

  /**
   * Compute the features of the page at `address`, which `batch` has added last, and let it be tried against
   * the pages that share most of them.
   */
  use(batch: PageBatch, address: number, bases: BaseFrames): void {
    if (!this.isLoaded) this.load();
    const { run, words } = this.kernels;
    run.sketchPage(address, this.pageBytes, this.features);
    const from = this.features >>> 2;
    const to = FEATURES * (batch.count - 1);
    for (let i = 0; i < FEATURES; i++) batch.features[to + i] = words[from + i]!;
    const count = run.sketchFind(this.table, this.slotCount, this.features, this.found);
    for (let i = 0; i < Math.min(count, MAX_SIMILAR); i++) {
      const at = (this.found >>> 2) + 2 * i;
      bases.usePlain(batch, words[at]!, words[at + 1]!);
    }
  }

  /** Add a plain page; its features are those from `features[from]` on. */
  add(frame: number, slot: number, features: Uint32Array, from: number): void {
    const { run, words } = this.kernels;
    for (let i = 0; i < FEATURES; i++) words[(this.one >>> 2) + i] = features[from + i]!;
    run.sketchInsert(this.table, this.slotCount, this.one, frame, slot);
  }

  /** Add the pages of the store, the newest ones if there are more than the table has space for. */
  private load(): void {
    this.isLoaded = true;
    const ids: number[] = [];
    let left = this.slotCount / FEATURES;
    for (const id of this.db.featureIds()) {
      if (left <= 0) break;
      ids.push(id);
      left -= this.recordOf(id).length / PAGE_FEATURE_BYTES;
    }
    const features = new Uint32Array(FEATURES);
    for (const id of ids.reverse()) {
      const record = this.recordOf(id);
      const view = new DataView(record.buffer, record.byteOffset, record.length);
      for (let at = 0; at < record.length; at += PAGE_FEATURE_BYTES) {
        for (let i = 0; i < FEATURES; i++) features[i] = view.getUint32(at + 5 + 4 * i, true);
        this.add(view.getUint32(at, true), view.getUint8(at + 4), features, 0);
      }
    }
  }

  private recordOf(id: number): Uint8Array {
    try {
      const record = this.db.pageFeatures(id) ?? new Uint8Array();
      featurePages(id, record);
      return record;
    } catch {
      return new Uint8Array(); // `check` names the damage
    }
  }
}
