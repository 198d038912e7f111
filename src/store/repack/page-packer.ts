import { createCodecContext } from '../../codec/codec.js';
import { zstdSet } from '../../codec/zstd/load.js';
import { KEYED_DIGEST_BYTES } from '../../dedup/keyed-digest.js';
import { PAGE_FRAME_JOBS } from '../../engine/page-frames/jobs.js';
import { declareThreads } from '../../engine/threads/declare-threads.js';
import type { Threads } from '../../engine/threads/threads.js';
import { Arena } from '../../kernels/arena.js';
import type { Kernels } from '../../kernels/kernels.js';
import { throwIfAborted } from '../../page/sync.js';
import { Checks } from '../format.js';
import { PageBatch } from '../put/batch.js';
import { encryptedCapacity, FrameWriter } from '../put/frame-writer.js';
import { NewPages } from '../put/new-pages.js';
import type { StoreContext } from '../store-context.js';

/** Packs pages into new frames, each without a base page, on the calling thread. */
export class PagePacker {
  /** Buffer for the next page. */
  readonly page: Uint8Array;
  /** Positions of the pages, by their order; those of pages that are not packed yet are unset. */
  readonly places = new NewPages();
  private readonly frames: FrameWriter;

  private constructor(
    private readonly store: StoreContext,
    private readonly level: number,
    private readonly memory: {
      readonly kernels: Kernels;
      readonly checks: Checks;
      readonly batch: PageBatch;
      readonly threads: Threads;
      /** Addresses of a page, a digest and an encrypted payload. */
      readonly page: number;
      readonly digest: number;
      readonly encryptedSpace: number;
    },
  ) {
    const { kernels, page } = memory;
    this.page = kernels.bytes.subarray(page, page + store.config.pageBytes);
    this.frames = new FrameWriter(store, memory);
  }

  /** Create a packer for the only writer of a store. `level`: of zstd. */
  static async create(store: StoreContext, level: number): Promise<PagePacker> {
    const { pageBytes, frameBytes } = store.config;
    const arena = new Arena();
    const codec = createCodecContext(arena, { maxZstdLevel: level });
    const checks = new Checks(arena, arena.kernels);
    const batch = new PageBatch(arena, pageBytes, frameBytes);
    const page = arena.slot('page', pageBytes);
    const digest = arena.slot('digest', KEYED_DIGEST_BYTES);
    const encryptedSpace = arena.slot('encrypted payload', encryptedCapacity(frameBytes));
    const createThreads = await declareThreads(arena, codec, 1, 0);
    const kernels = await arena.allocate();
    const threads = createThreads({
      zstd: zstdSet(),
      isHelping: true,
      frameJobs: PAGE_FRAME_JOBS,
      onFailure() {}, // a job that fails on this thread reports to its own callback
    });
    return new PagePacker(store, level, { kernels, checks, batch, threads, page, digest, encryptedSpace });
  }

  /** Bytes of the new frames in packs. */
  get storedBytes(): number {
    return this.frames.bytes;
  }

  /** Add the page in `page`, which has this digest. @throws PageferryError `io`; the reason of the signal */
  async add(digest: Uint8Array, signal: AbortSignal): Promise<void> {
    const { kernels, batch, page, digest: address } = this.memory;
    if (batch.count === 0) batch.clear(this.places.count);
    kernels.bytes.set(digest, address);
    batch.add(page, address);
    this.places.add();
    if (batch.isFull) await this.packBatch(signal);
  }

  /** Pack the last pages, then record the frames in one transaction with `commit`. */
  async finish(signal: AbortSignal, commit: () => void): Promise<void> {
    if (this.memory.batch.count > 0) await this.packBatch(signal);
    await this.frames.sync();
    throwIfAborted(signal);
    this.store.db.transaction(() => {
      this.frames.commit();
      commit();
    });
  }

  async close(): Promise<void> {
    await this.memory.threads.close();
    this.frames.close();
  }

  private async packBatch(signal: AbortSignal): Promise<void> {
    const { batch, threads } = this.memory;
    batch.prepare(this.level);
    let hasEnded = false;
    let failure: unknown;
    threads.start(batch.job, (error) => {
      hasEnded = true;
      failure = error;
    });
    while (!hasEnded) if (!threads.help()) await threads.ended(signal);
    if (failure !== undefined) throw failure;
    this.frames.write(batch, this.places);
    batch.clear(this.places.count);
  }
}
