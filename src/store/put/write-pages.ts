import { createCodecContext } from '../../codec/codec.js';
import { zstdSet } from '../../codec/zstd/load.js';
import { DIGEST_KEY_BYTES } from '../../dedup/keyed-digest.js';
import { ChunkPool, chunkBytes } from '../../engine/encode/chunk.js';
import { ChunkReader } from '../../engine/encode/chunk-reader.js';
import { PAGE_FRAME_JOBS } from '../../engine/page-frames/jobs.js';
import { declareThreads } from '../../engine/threads/declare-threads.js';
import { Arena } from '../../kernels/arena.js';
import type { PageSource } from '../../page/source.js';
import { throwIfAborted } from '../../page/sync.js';
import { Checks } from '../format.js';
import { FrameRecordCache } from '../frame-record-cache.js';
import { PackFiles } from '../pack-files.js';
import type { StoreContext } from '../store-context.js';
import { BaseFrames } from './base-frames.js';
import { PageBatch } from './batch.js';
import { encryptedCapacity, FrameWriter } from './frame-writer.js';
import { SimilarPages } from './similar-pages.js';
import { SnapshotPages, type WriteOptions, type WrittenPages } from './snapshot-pages.js';

/** Batches that wait to be packed or written, beside one for each thread. */
const SPARE_BATCHES = 2;
/** Batches for which a second worker is not started: that takes as long as packing one. */
const WAITING_JOBS = 8;

/**
 * Store the pages of an image; nothing refers to them until `commit` runs in a transaction of the caller's.
 * @throws PageferryError; the reason of the signal
 */
export async function writePages(
  store: StoreContext,
  source: PageSource,
  options: WriteOptions,
  commit: (pages: WrittenPages) => void,
): Promise<WrittenPages> {
  const memory = await allocateMemory(store, source, options);
  throwIfAborted(options.signal);
  const failure = new AbortController();
  const signal = AbortSignal.any([options.signal, failure.signal]);
  const threads = memory.createThreads({
    zstd: zstdSet(),
    isHelping: true,
    waitingJobs: WAITING_JOBS,
    frameJobs: PAGE_FRAME_JOBS,
    onFailure: (cause) => failure.abort(cause),
  });
  const frames = new FrameWriter(store, memory);
  const packs = new PackFiles(store.dir);
  try {
    const { kernels, checks, chunks, key } = memory;
    const records = new FrameRecordCache(store.db, (id) => frames.written(id));
    const cipher = store.secrets.frameCipher;
    const bases = new BaseFrames({ kernels, packs, records, checks, cipher });
    const writer = new SnapshotPages(store, options, signal, { ...memory, threads, bases, frames });
    const reader = new ChunkReader({
      kernels,
      pageBytes: store.config.pageBytes,
      chunks,
      threads,
      zeroDigest: 0,
      digestKey: key,
      meter: { ingested() {}, sourceRead() {} },
    });
    if (source.bytes === undefined || options.threads > 1) threads.prepare();
    const bytes = await reader.read(source, undefined, (chunk) => writer.add(chunk), signal);
    return await writer.finish(bytes, commit);
  } finally {
    await threads.close();
    frames.close();
    packs.close();
  }
}

/** Allocate the kernels' memory for one image, shared with worker threads if there are several. */
async function allocateMemory(
  { db, config, secrets }: StoreContext,
  source: PageSource,
  options: WriteOptions,
) {
  const { pageBytes, frameBytes } = config;
  const { threads, level, parent } = options;
  const arena = new Arena();
  const codec = createCodecContext(arena, { maxZstdLevel: level });
  const checks = new Checks(arena, arena.kernels);
  const chunks = new ChunkPool(arena, chunkBytes(threads), pageBytes, threads + 3);
  const batches = Array.from(
    { length: threads === 1 ? 1 : threads + SPARE_BATCHES },
    () => new PageBatch(arena, pageBytes, frameBytes),
  );
  const similar = new SimilarPages(arena, db, pageBytes, source.bytes, parent !== undefined);
  const key = arena.slot('digest key', DIGEST_KEY_BYTES);
  const encryptedSpace = arena.slot('encrypted payload', encryptedCapacity(frameBytes));
  const createThreads = await declareThreads(arena, codec, threads, 0);
  const kernels = await arena.allocate({ isShared: threads > 1 });
  kernels.bytes.set(secrets.digestKey, key);
  return { kernels, codec, checks, chunks, batches, similar, key, encryptedSpace, createThreads };
}
