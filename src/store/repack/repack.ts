// Packs the pages of a snapshot that a trace names into frames of their own, in the order of the trace.
import { createCodecContext } from '../../codec/codec.js';
import { zstdSet } from '../../codec/zstd/load.js';
import { KEYED_DIGEST_BYTES } from '../../dedup/keyed-digest.js';
import { PAGE_FRAME_JOBS } from '../../engine/page-frames/jobs.js';
import { declareThreads } from '../../engine/threads/declare-threads.js';
import type { Threads } from '../../engine/threads/threads.js';
import { Arena } from '../../kernels/arena.js';
import { PageferryError } from '../../page/error.js';
import { createYielder, throwIfAborted } from '../../page/sync.js';
import { bytesOfHex } from '../config.js';
import { Checks } from '../format.js';
import { HAS_DUPLICATES } from '../gc/duplicates.js';
import { decodeManifest, encodeManifest } from '../manifest.js';
import type { WriterOptions } from '../options.js';
import { PackWriter } from '../pack-writer.js';
import { PageBatch } from '../put/batch.js';
import { encryptedCapacity, FrameWriter } from '../put/frame-writer.js';
import { NewPages } from '../put/new-pages.js';
import { FrameRecords } from '../put/parent-pages.js';
import { openSnapshots, type SnapshotImage } from '../read/snapshot.js';
import type { StoreContext } from '../store-context.js';
import type { Trace } from '../trace.js';
import { movedRuns, type TracedPages, tracedPages } from './repack-pages.js';

/** Frames that a trace comes back to are unpacked once, as far as they fit. */
const CACHE_BYTES = 64 << 20;

/** Options of `Store.repack`. */
export interface RepackOptions extends WriterOptions {
  /** Level of zstd, 1 to 22; default 3. */
  readonly level?: number;
}

/** What repacking has done. */
export interface RepackReport {
  readonly name: string;
  /** Pages of the trace that are not zero, those of the same content counted once. */
  readonly pages: number;
  /** Frames that these pages need, before and after. */
  readonly framesBefore: number;
  readonly framesAfter: number;
  /** Bytes of the new frames in packs. */
  readonly storedBytes: number;
}

/**
 * Pack the pages that `trace` names again, so that those read one after another are in one frame, and none
 * needs a base page. One transaction replaces the manifest; other snapshots keep their frames.
 * @throws PageferryError `bad-argument` for a trace of another image; the reason of the signal
 */
export async function repackSnapshot(
  store: StoreContext,
  name: string,
  trace: Trace,
  { level = 3, signal = new AbortController().signal }: RepackOptions,
): Promise<RepackReport> {
  const { db } = store;
  const open = await openSnapshots(store, [name], { cacheBytes: CACHE_BYTES });
  try {
    const image = open.images[0]!;
    const runs = decodeManifest(name, db.manifest(name)!);
    const records = new FrameRecords(db);
    const yieldIfDue = createYielder();
    const traced = await tracedPages(image, trace, store.config.pageBytes, yieldIfDue);
    const framesBefore = framesOf(image, traced, records);
    const packed = await packPages(store, image, traced, records, { level, signal }, (pages) => {
      db.putSnapshot(image.info, encodeManifest(name, movedRuns(runs, traced, pages)));
      // The pages are in their old frames too, as long as another snapshot needs those.
      db.putValue(HAS_DUPLICATES, true);
    });
    return { name, pages: traced.pages.length, framesBefore, ...packed };
  } finally {
    open.close();
  }
}

function framesOf(image: SnapshotImage, { pages }: TracedPages, records: FrameRecords): number {
  const frames = new Set<number>();
  for (const page of pages) {
    const { frame, slot } = image.place(page);
    frames.add(frame);
    const delta = records.get(frame)?.deltas.find((one) => one.slot === slot);
    if (delta) frames.add(delta.baseFrame);
  }
  return frames.size;
}

/** Write the frames of the pages, and record them in one transaction with `commit`. */
async function packPages(
  store: StoreContext,
  image: SnapshotImage,
  { pages }: TracedPages,
  records: FrameRecords,
  { level, signal }: { readonly level: number; readonly signal: AbortSignal },
  commit: (places: NewPages) => void,
): Promise<{ framesAfter: number; storedBytes: number }> {
  const { dir, db, config, secrets } = store;
  const { pageBytes, frameBytes } = config;
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
  const storeId = bytesOfHex(config.id);
  const packs = new PackWriter({ dir, db, storeId, packBytes: config.packBytes, checks }, true);
  const frames = new FrameWriter({ kernels, db, packs, checks, cipher: secrets.frameCipher, encryptedSpace });
  const places = new NewPages();
  const yieldIfDue = createYielder();
  const content = kernels.bytes.subarray(page, page + pageBytes);
  try {
    for (const [i, number] of pages.entries()) {
      if (batch.count === 0) batch.clear(places.count);
      kernels.bytes.set(readPage(image, number, content, records), digest);
      batch.add(page, digest);
      places.add();
      await yieldIfDue();
      throwIfAborted(signal);
      if (!batch.isFull && i + 1 < pages.length) continue;
      batch.prepare(level);
      await runJob(threads, batch.job, signal);
      frames.write(batch, places);
      batch.clear(places.count);
    }
    await packs.sync();
    throwIfAborted(signal);
    db.transaction(() => {
      frames.commit();
      commit(places);
    });
    const ids = new Set(pages.map((_, i) => places.frameOf(i)));
    return { framesAfter: ids.size, storedBytes: frames.bytes };
  } finally {
    await threads.close();
    packs.close();
  }
}

/** Read a page, filled with zeros after the end of the image, and return its digest. */
function readPage(image: SnapshotImage, page: number, out: Uint8Array, records: FrameRecords): Uint8Array {
  const offset = page * out.length;
  const bytes = Math.min(out.length, image.bytes - offset);
  out.fill(0, bytes);
  image.read(out.subarray(0, bytes), offset);
  const { frame, slot } = image.place(page);
  const record = records.get(frame);
  const from = KEYED_DIGEST_BYTES * slot;
  const digest = record?.digests.subarray(from, from + KEYED_DIGEST_BYTES);
  if (digest?.length === KEYED_DIGEST_BYTES) return digest;
  throw new PageferryError('bad-stream', `frame ${frame}: has no record of slot ${slot}; run store check`);
}

async function runJob(threads: Threads, job: number, signal: AbortSignal): Promise<void> {
  let hasEnded = false;
  let failure: unknown;
  threads.start(job, (error) => {
    hasEnded = true;
    failure = error;
  });
  while (!hasEnded) if (!threads.help()) await threads.ended(signal);
  if (failure !== undefined) throw failure;
}
