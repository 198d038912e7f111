// Packs the pages of a snapshot that a trace names into frames of their own, in the order of the trace.
import { KEYED_DIGEST_BYTES } from '../../dedup/keyed-digest.js';
import { PageferryError } from '../../page/error.js';
import { createYielder, throwIfAborted } from '../../page/sync.js';
import { FrameRecordCache } from '../frame-record-cache.js';
import { HAS_DUPLICATES } from '../gc/duplicates.js';
import { decodeManifest, encodeManifest } from '../manifest.js';
import type { WriterOptions } from '../options.js';
import { openSnapshots, type SnapshotImage } from '../read/snapshot.js';
import type { StoreContext } from '../store-context.js';
import type { Trace } from '../trace.js';
import { PagePacker } from './page-packer.js';
import { movedRuns, type TracedPages, tracedPages } from './repack-pages.js';

/** Unpacked frames: a frame to which a trace returns is unpacked once, if it is still here. */
const CACHE_BYTES = 64 << 20;

/** Options of `Store.repack`. */
export interface RepackOptions extends WriterOptions {
  /** Level of zstd, 1 to 22; default 3. */
  readonly level?: number;
}

/** Result of repacking a snapshot. */
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
  let packer: PagePacker | undefined;
  try {
    const image = open.images[0]!;
    const runs = decodeManifest(name, db.manifest(name)!);
    const records = new FrameRecordCache(db);
    const yieldIfDue = createYielder();
    const traced = await tracedPages(image, trace, store.config.pageBytes, yieldIfDue);
    const framesBefore = framesOf(image, traced, records);
    packer = await PagePacker.create(store, level);
    const { places } = packer;
    const framesAfter = await packPages(packer, image, traced, records, signal, () => {
      db.putSnapshot(image.info, encodeManifest(name, movedRuns(runs, traced, places)));
      // The pages are in their old frames too, as long as another snapshot needs those.
      db.putValue(HAS_DUPLICATES, true);
    });
    const { storedBytes } = packer;
    return { name, pages: traced.pages.length, framesBefore, framesAfter, storedBytes };
  } finally {
    await packer?.close();
    open.close();
  }
}

/** Return the number of frames that the pages need, those of base pages included. */
function framesOf(image: SnapshotImage, { pages }: TracedPages, records: FrameRecordCache): number {
  const frames = new Set<number>();
  for (const page of pages) {
    const { frame, slot } = image.place(page);
    frames.add(frame);
    const delta = records.get(frame)?.deltas.find((one) => one.slot === slot);
    if (delta) frames.add(delta.baseFrame);
  }
  return frames.size;
}

/** Pack the pages into new frames, and record these in one transaction with `commit`. */
async function packPages(
  packer: PagePacker,
  image: SnapshotImage,
  { pages }: TracedPages,
  records: FrameRecordCache,
  signal: AbortSignal,
  commit: () => void,
): Promise<number> {
  const yieldIfDue = createYielder();
  for (const page of pages) {
    await packer.add(readPage(image, page, packer.page, records), signal);
    await yieldIfDue();
    throwIfAborted(signal);
  }
  await packer.finish(signal, commit);
  return new Set(pages.map((_, i) => packer.places.frameOf(i))).size;
}

/** Read a page, filled with zeros after the end of the image, and return its digest. */
function readPage(
  image: SnapshotImage,
  page: number,
  out: Uint8Array,
  records: FrameRecordCache,
): Uint8Array {
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
