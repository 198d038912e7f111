import type { CodecContext } from '../../codec/codec.js';
import { KEYED_DIGEST_BYTES, keyedDigests } from '../../dedup/keyed-digest.js';
import type { Chunk } from '../../engine/encode/chunk.js';
import type { Threads } from '../../engine/threads/threads.js';
import type { Kernels } from '../../kernels/kernels.js';
import { LAYOUT } from '../../kernels/layout.generated.js';
import { throwIfAborted } from '../../page/sync.js';
import type { PageRef } from '../database.js';
import { ZERO_FRAME } from '../limits.js';
import type { PageRuns } from '../page-runs.js';
import type { StoreContext } from '../store-context.js';
import type { BaseFrames } from './base-frames.js';
import type { PageBatch } from './batch.js';
import { DigestTable } from './digest-table.js';
import type { FrameWriter } from './frame-writer.js';
import { NewPages } from './new-pages.js';
import { FrameDigests, ParentPages } from './parent-pages.js';
import type { SimilarPages } from './similar-pages.js';

/** New pages after which frames are recorded, so that memory and transactions have a limit. */
const MAX_WAITING_PAGES = 1 << 17;

/** Options of reading and packing an image. */
export interface WriteOptions {
  readonly threads: number;
  /** Level of zstd. */
  readonly level: number;
  /** Pages of the parent; absent: the image has none. */
  readonly parent?: PageRuns | undefined;
  /** Whether a page that is not in the store ends the call with an UnknownPage. */
  readonly isKnownOnly?: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** Thrown when an image has a page that the store does not have. */
export class UnknownPage extends Error {}

/** Result of storing an image's pages. */
export interface WrittenPages {
  readonly bytes: number;
  readonly runs: PageRuns;
  readonly zeroPages: number;
  readonly newPages: number;
  readonly storedBytes: number;
}

/** Memory, threads and output of storing an image. */
interface PutParts {
  readonly kernels: Kernels;
  readonly codec: CodecContext;
  readonly threads: Threads;
  readonly batches: readonly PageBatch[];
  /** Address of the digest key. */
  readonly key: number;
  readonly bases: BaseFrames;
  readonly similar: SimilarPages;
  readonly frames: FrameWriter;
}

/** A batch whose job runs. */
interface RunningBatch {
  readonly batch: PageBatch;
  hasEnded: boolean;
  error: unknown;
}

/** Finds the pages of an image in the store, packs the others, and records where each page is. */
export class SnapshotPages {
  private readonly pages = new NewPages();
  private readonly parent: ParentPages;
  private readonly ref: { -readonly [K in keyof PageRef]: PageRef[K] } = { frame: 0, slot: 0 };
  /** The new pages by their digests, since the last transaction. */
  private readonly table = new DigestTable();
  private readonly digests: FrameDigests;
  private readonly digest = new Uint8Array(KEYED_DIGEST_BYTES);
  private readonly free: PageBatch[];
  private readonly running: RunningBatch[] = [];
  /** Whether the database has digests of pages. */
  private hasStoredPages: boolean;
  private batch: PageBatch | undefined;
  /** Number of the next page, and bytes of the image so far. */
  private page = 0;
  private position = 0;
  private zeroPages = 0;

  constructor(
    private readonly store: StoreContext,
    private readonly options: WriteOptions,
    private readonly signal: AbortSignal,
    private readonly parts: PutParts,
  ) {
    this.parent = new ParentPages(options.parent);
    this.digests = new FrameDigests(store.db);
    this.free = [...parts.batches];
    this.hasStoredPages = store.db.pageCount > 0;
  }

  /** Store the pages of a chunk. */
  async add(chunk: Chunk): Promise<void> {
    const { kernels } = this.parts;
    const { pageBytes } = this.store.config;
    const count = this.completeLast(chunk);
    const { bytes } = kernels;
    for (let i = 0; i < count; i++) {
      const at = chunk.classes + 2 * i;
      if ((bytes[at]! | (bytes[at + 1]! << 8)) === LAYOUT.CLASS_FILL) this.addZeros(1);
      else if (!this.addKnown(chunk.digests + KEYED_DIGEST_BYTES * i)) {
        if (this.options.isKnownOnly) throw new UnknownPage();
        if (!this.batch) await this.openBatch();
        this.addNew(chunk.address + i * pageBytes, chunk.digests + KEYED_DIGEST_BYTES * i);
        if (this.batch!.isFull) this.startBatch();
      }
    }
    if (chunk.zeros > 0) this.addZeros(Math.ceil(chunk.zeros / pageBytes));
    this.position += chunk.bytes + chunk.zeros;
    this.options.onProgress?.(this.position);
    if (this.table.size >= MAX_WAITING_PAGES) await this.record();
  }

  /** Store the pages of the last batches, then run `commit` in the last transaction. */
  async finish(bytes: number, commit: (pages: WrittenPages) => void): Promise<WrittenPages> {
    const { frames } = this.parts;
    if (this.batch) this.startBatch();
    while (this.running.length > 0) await this.endBatch();
    await frames.sync();
    throwIfAborted(this.signal);
    const { pages, zeroPages } = this;
    const runs = pages.finish();
    const written = { bytes, runs, zeroPages, newPages: pages.count, storedBytes: frames.bytes };
    this.store.db.transaction(() => {
      frames.commit();
      commit(written);
    });
    return written;
  }

  /** Fill an incomplete last page with zeros and digest it; return the number of the chunk's pages. */
  private completeLast(chunk: Chunk): number {
    const { kernels, codec, key } = this.parts;
    const { pageBytes } = this.store.config;
    const whole = Math.floor(chunk.bytes / pageBytes);
    if (whole * pageBytes === chunk.bytes) return whole;
    const page = chunk.address + whole * pageBytes;
    kernels.bytes.fill(0, chunk.address + chunk.bytes, page + pageBytes);
    const classes = chunk.classes + 2 * whole;
    kernels.run.scanPages(page, 1, pageBytes, classes);
    const digest = chunk.digests + KEYED_DIGEST_BYTES * whole;
    keyedDigests(kernels, page, 1, pageBytes, classes, key, digest, codec.wkdmScratch);
    return whole + 1;
  }

  private addZeros(pages: number): void {
    this.pages.append(ZERO_FRAME, 0, pages);
    this.zeroPages += pages;
    this.page += pages;
  }

  /** Append the page if the parent has it at its position, or if it is anywhere in the store. */
  private addKnown(digest: number): boolean {
    const { kernels } = this.parts;
    const { ref, pages } = this;
    this.parent.find(this.page, ref);
    if (ref.frame !== ZERO_FRAME && this.digests.has(ref.frame, ref.slot, kernels.bytes, digest)) {
      pages.append(ref.frame, ref.slot);
      this.page++;
      return true;
    }
    const number = this.table.find(kernels.words, digest >>> 2);
    if (number !== undefined) pages.appendNew(number);
    else {
      if (!this.hasStoredPages) return false;
      this.digest.set(kernels.bytes.subarray(digest, digest + KEYED_DIGEST_BYTES));
      const found = this.store.db.page(this.digest);
      if (!found) return false;
      pages.append(found.frame, found.slot);
    }
    this.page++;
    return true;
  }

  /**
   * Add a page to the batch, to be coded against the parent's page, which `addKnown` has looked up, or a
   * similar page.
   */
  private addNew(address: number, digest: number): void {
    const { kernels, bases, similar } = this.parts;
    const { ref, batch } = this;
    const number = this.pages.add();
    this.table.add(kernels.words, digest >>> 2, number);
    this.pages.appendNew(number);
    if (batch!.count === 0) batch!.clear(number);
    batch!.add(address, digest);
    if (ref.frame !== ZERO_FRAME) bases.use(batch!, ref.frame, ref.slot);
    similar.use(batch!, address, bases);
    this.page++;
  }

  private async openBatch(): Promise<void> {
    while (this.free.length === 0) await this.endBatch();
    this.batch = this.free.pop()!;
    this.batch.clear(this.pages.count);
  }

  private startBatch(): void {
    const batch = this.batch!;
    this.batch = undefined;
    batch.prepare(this.options.level);
    const running: RunningBatch = { batch, hasEnded: false, error: undefined };
    this.running.push(running);
    this.parts.threads.start(batch.job, (error) => {
      running.hasEnded = true;
      running.error = error;
    });
  }

  /** Wait for the oldest batch, and write its frames. */
  private async endBatch(): Promise<void> {
    const { threads, frames, similar } = this.parts;
    const oldest = this.running[0]!;
    while (!oldest.hasEnded) if (!threads.help()) await threads.ended(this.signal);
    this.running.shift();
    if (oldest.error !== undefined) throw oldest.error;
    frames.write(oldest.batch, this.pages, similar);
    this.free.push(oldest.batch);
  }

  /** Record all new pages so far: from then on, `addKnown` finds them in the database. */
  private async record(): Promise<void> {
    const { frames } = this.parts;
    if (this.batch) this.startBatch();
    while (this.running.length > 0) await this.endBatch();
    await frames.sync();
    this.store.db.transaction(() => frames.commit());
    frames.afterCommit();
    this.hasStoredPages = true;
    this.table.clear();
  }
}
