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
import { bytesOfHex } from '../config.js';
import { Checks } from '../format.js';
import { PackFiles } from '../pack-files.js';
import { PackWriter } from '../pack-writer.js';
import type { StoreContext } from '../store-context.js';
import { BaseFrames } from './base-frames.js';
import { PageBatch } from './batch.js';
import { encryptedCapacity, FrameWriter } from './frame-writer.js';
import { FrameRecords } from './parent-pages.js';
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
  const { dir, db, secrets, config } = store;
  const { pageBytes, frameBytes } = config;
  const { threads: count } = options;
  const arena = new Arena();
  const codec = createCodecContext(arena, { maxZstdLevel: options.level });
  const checks = new Checks(arena, arena.kernels);
  const chunks = new ChunkPool(arena, chunkBytes(count), pageBytes, count + 3);
  const batches = Array.from(
    { length: count === 1 ? 1 : count + SPARE_BATCHES },
    () => new PageBatch(arena, pageBytes, frameBytes),
  );
  const similar = new SimilarPages(arena, db, pageBytes, source.bytes, options.parent !== undefined);
  const key = arena.slot('digest key', DIGEST_KEY_BYTES);
  const encryptedSpace = arena.slot('encrypted payload', encryptedCapacity(frameBytes));
  const createThreads = await declareThreads(arena, codec, count, 0);
  await arena.allocate({ isShared: count > 1 });
  throwIfAborted(options.signal);
  const { kernels } = arena;
  kernels.bytes.set(secrets.digestKey, key);
  const failure = new AbortController();
  const signal = AbortSignal.any([options.signal, failure.signal]);
  const threads = createThreads({
    zstd: zstdSet(),
    isHelping: true,
    waitingJobs: WAITING_JOBS,
    frameJobs: PAGE_FRAME_JOBS,
    onFailure: (cause) => failure.abort(cause),
  });
  const files = new PackFiles(dir);
  const storeId = bytesOfHex(config.id);
  const packs = new PackWriter({ dir, db, storeId, packBytes: config.packBytes, checks }, true);
  try {
    const frames = new FrameWriter({
      kernels,
      db,
      packs,
      checks,
      cipher: secrets.frameCipher,
      encryptedSpace,
    });
    const records = new FrameRecords(db, (id) => frames.written(id));
    const writer = new SnapshotPages(store, options, signal, {
      kernels,
      codec,
      threads,
      batches,
      key,
      records,
      packs,
      bases: new BaseFrames({ kernels, packs: files, records, checks, cipher: secrets.frameCipher }),
      similar,
      frames,
    });
    const meter = { ingested() {}, sourceRead() {} };
    const reader = new ChunkReader({
      kernels,
      pageBytes,
      chunks,
      threads,
      zeroDigest: 0,
      digestKey: key,
      meter,
    });
    if (source.bytes === undefined || count > 1) threads.prepare();
    const bytes = await reader.read(source, undefined, (chunk) => writer.add(chunk), signal);
    return await writer.finish(bytes, commit);
  } finally {
    await threads.close();
    packs.close();
    files.close();
  }
}
