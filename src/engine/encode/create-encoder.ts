import { type CodecContext, createCodecContext } from '../../codec/codec.js';
import { type ZstdSet, zstdSet, zstdState } from '../../codec/zstd/load.js';
import { declareWideScratch } from '../../codec/zstd/segment.js';
import { ImageDigest } from '../../dedup/image-digest.js';
import { PageIndex } from '../../dedup/page-index.js';
import { ParentPageCache } from '../../dedup/parent-page-cache.js';
import { ReferenceImages } from '../../dedup/reference-images.js';
import { Arena, type Slots } from '../../kernels/arena.js';
import { checkFunction } from '../../page/options.js';
import { throwIfAborted } from '../../page/sync.js';
import type { StreamState } from '../../strategy/strategy.js';
import { Candidate } from '../frame/candidate.js';
import { FrameBuilder } from '../frame/frame-builder.js';
import { mainKindOf } from '../frame/frame-content.js';
import { LifeCycle } from '../life-cycle.js';
import { createPackPool } from '../pack/pool.js';
import { createEstimate } from '../pack/segment.js';
import { SegmentPacker } from '../pack/segment-packer.js';
import { availableCores } from '../threads/available-cores.js';
import { declareThreads } from '../threads/declare-threads.js';
import { Turns } from '../threads/turns.js';
import { WorkerStart, workerStartMs } from '../threads/worker-start.js';
import { ChunkPool, chunkBytes } from './chunk.js';
import { ChunkReader } from './chunk-reader.js';
import { CoreMeter } from './core-meter.js';
import { Encoder } from './encoder.js';
import {
  type EncoderOptions,
  type EncoderSettings,
  encoderSettings,
  GROUP_SLACK,
} from './encoder-options.js';
import { DEFAULT_MAX_GROUP_BYTES, isLarge, LOCAL_FRAMES, maxQueuedFrameBytes } from './frame-queue.js';
import type { ImageContext } from './image-encoder.js';
import { LinkMeter } from './link-meter.js';
import { OutputRate } from './output-rate.js';
import { type Output, RecordWriter } from './record-writer.js';
import { StageMeter } from './stage-meter.js';
import { Timeline } from './timeline.js';

/** Capacity of the packer of tables and record heads, in bytes. */
const PACKER_CAPACITY = DEFAULT_MAX_GROUP_BYTES;
/** Minimum number of frames with several threads. `FrameQueue` also limits their bytes. */
const THREAD_FRAMES = 14;
/** Further frames: one is filled, one is written. */
const SPARE_FRAMES = 2;
const SKETCHES_PER_PAGE = 4;
/**
 * Minimum share of new pages from which on a chunk is held (`ImageContext.minHeldShare`). The lower value
 * holds while fewer than SPARSE_CHUNKS chunks are in use, since the calling thread does the copying.
 */
const MIN_HELD_SHARE = 0.5;
const MIN_SPARSE_SHARE = 1 / 16;
const SPARSE_CHUNKS = 24;

/**
 * Create an encoder that writes its stream to `output`.
 * @throws PageferryError `bad-argument` for an invalid option, `limit` when the options need more memory than
 *   there is
 */
export async function createEncoder(output: Output, options: EncoderOptions = {}): Promise<Encoder> {
  checkFunction('createEncoder', 'output', output);
  const settings = encoderSettings(options);
  const startedAt = settings.clock();
  const zstd = zstdSet(options.zstd);
  const { threads: count, pageBytes } = settings;
  const arena = new Arena();
  const codec = createCodecContext(arena, settings.strategy);
  const packer = new SegmentPacker(arena, codec, zstd, PACKER_CAPACITY);
  const capacity = settings.maxGroupBytes + GROUP_SLACK;
  const isDraft = settings.strategy.maxGroupBytes !== undefined;
  const frames = Array.from(
    { length: frameCount(settings) },
    () =>
      new FrameBuilder(
        arena,
        capacity,
        mainKindOf(settings.strategy),
        'threads',
        isDraft ? pageBytes : undefined,
      ),
  );
  const chunks = new ChunkPool(arena, chunkBytes(count), pageBytes, chunkCount(settings));
  const turns = new Turns(arena);
  const zeroBytes = arena.slot('zero bytes', pageBytes);
  const estimate = createEstimate(arena, pageBytes);
  const createImageContext = declareImageContext(arena, codec, settings);
  const createThreads = await declareThreads(arena, codec, count, capacity);
  const wide = Array.from({ length: wideCount(settings, zstd) }, () => declareWideScratch(arena, capacity));
  await arena.allocate({ isShared: count > 1 });
  throwIfAborted(options.signal);
  const life = new LifeCycle('encoder', options.signal);
  const onFailure = (cause: unknown) => life.fail(cause);
  const threads = createThreads({ zstd, isHelping: true, onFailure });
  const pool = createPackPool({ threads, packer, zstd, wide, signal: life.signal });
  life.onEnd(() => threads.close());
  // A zstd that the caller supplied may have threads of its own.
  const workingThreads = () => (threads.isLocal && zstd.hasKernels ? 1 : count);
  const link = settings.linkBitsPerSecond === 'measured' ? new LinkMeter() : undefined;
  const elapsedMs = () => settings.clock() - startedAt;
  let busyBeforeMs = 0;
  const onWritten = (bytes: number, startMs: number, endMs: number) => {
    const busyMs = meter.callingBusyMs - busyBeforeMs;
    busyBeforeMs += busyMs;
    const behind = writer.waitingBytes - bytes;
    // With one thread nothing waits behind a write, since nothing is packed meanwhile.
    link?.recordWrite(bytes, startMs, endMs, busyMs, behind > 0 || count === 1);
    outputRate.recordWrite(bytes, endMs, behind, busyMs);
    meter.written(bytes, startMs - startedAt, endMs - startedAt);
  };
  const { clock, maxWrites } = settings;
  const writer = new RecordWriter({ output, maxWrites, packer, onWritten, clock, life });
  const { strategy, timeline: rows, linkBitsPerSecond } = settings;
  const given = linkBitsPerSecond === 'measured' ? undefined : linkBitsPerSecond;
  const outputRate = new OutputRate(() => given ?? link!.bitsPerSecond);
  const timeline = rows && new Timeline({ ...rows, linkBitsPerSecond: given });
  const meter = new StageMeter({
    elapsedMs,
    cores: new CoreMeter(count, availableCores(), workingThreads),
    timeline,
    threads,
    strategy,
    waitingBytes: () => writer.waitingBytes,
  });
  const planned = { ms: 0, bytes: 0 };
  const progress = { image: 0, share: 0 };
  const state: StreamState = {
    get linkBitsPerSecond() {
      return outputRate.bitsPerSecondAt(settings.clock());
    },
    get bytesAcked() {
      return link ? writer.bytesOut : undefined;
    },
    get threads() {
      return workingThreads();
    },
    get cores() {
      return meter.cores;
    },
    get floorMsPerMiB() {
      return meter.floorMsPerMiB;
    },
    get bytesRead() {
      return meter.bytesRead;
    },
    get bytesWaiting() {
      return writer.waitingBytes;
    },
    get destination() {
      return settings.destination();
    },
    elapsedMs,
    get bytesOut() {
      return planned.bytes;
    },
    get outputWaitMs() {
      return writer.outputWaitMs;
    },
    get pendingMs() {
      return planned.ms;
    },
    handoverMs: pool.handoverMs,
    ...zstdState(zstd),
    progress,
  };
  const onPending = (ms: number, bytes: number) => {
    planned.ms += ms;
    planned.bytes += bytes;
  };
  const notes = options.zstd === null ? ['zstd is turned off: LZ4 packs in its place'] : [];
  if (settings.threads > 1 && options.zstd && !options.zstd.compressAsync)
    notes.push(`${options.zstd.name} has no compressAsync: it packs on the calling thread`);
  const image = createImageContext(state, chunkHolding(state, settings.maxGroupBytes, chunks));
  const reader = new ChunkReader({
    kernels: arena.kernels,
    pageBytes,
    chunks,
    threads,
    zeroDigest: image.digest.zeroPageDigest,
    lookUps: image.index && { index: image.index, turns },
    meter,
  });
  return new Encoder({
    settings,
    life,
    threads,
    workerStart: new WorkerStart({ threads, elapsedMs, startMs: workerStartMs() }),
    image,
    zeros: () => zeroBytes,
    frame: { pool, packer, strategy, state, onPending, onPacked: meter.packed, estimate },
    writer,
    reader,
    frames,
    progress,
    meter,
    timeline,
    startedAt,
    notes,
  });
}

/** Declare the memory of an image context. Returns a function that creates it, given the stream's state. */
function declareImageContext(
  slots: Slots,
  codec: CodecContext,
  settings: EncoderSettings,
): (state: StreamState, minHeldShare: () => number) => ImageContext {
  const { pageBytes, indexSlots, dedup, strategy } = settings;
  const similar = settings.similar && strategy.uniformChoice === undefined;
  const pages = chunkBytes(settings.threads) / pageBytes;
  const index = dedup
    ? new PageIndex(slots, pageBytes, indexSlots, SKETCHES_PER_PAGE * indexSlots, pages)
    : undefined;
  const parentPages = new ParentPageCache(slots, pageBytes, settings.deltaBudgetBytes);
  const references = new ReferenceImages(slots, pageBytes, parentPages, indexSlots);
  const digest = new ImageDigest(slots, pageBytes);
  const candidate = new Candidate(slots, codec, pageBytes, references, similar ? index : undefined);
  const partialDigest = slots.slot('digest of a partial page', 16);
  return (state, minHeldShare) => ({
    codec,
    pageBytes,
    strategy,
    state,
    references,
    parentPages,
    index,
    similar,
    candidate,
    digest,
    partialDigest,
    minHeldShare,
  });
}

/** Create `ImageContext.minHeldShare`, which decides whether frames hold chunks or copy their pages. */
function chunkHolding(state: StreamState, maxGroupBytes: number, chunks: ChunkPool): () => number {
  return () => {
    // With one thread, pages are copied while they are in its cache, and few chunks are reused.
    // Pages of large groups are copied too: these would hold too many chunks.
    if (state.threads === 1 || isLarge(maxGroupBytes)) return Number.POSITIVE_INFINITY;
    return chunks.takenCount < SPARSE_CHUNKS ? MIN_SPARSE_SHARE : MIN_HELD_SHARE;
  };
}

/**
 * Return the maximum number of chunks that frames and the reader hold. Half of a held chunk's pages are in a
 * frame, so chunks have twice the frames' bytes.
 */
function chunkCount({ threads, maxGroupBytes }: EncoderSettings): number {
  let frameBytes = LOCAL_FRAMES * DEFAULT_MAX_GROUP_BYTES;
  if (threads > 1 && !isLarge(maxGroupBytes))
    frameBytes = maxQueuedFrameBytes(maxGroupBytes, threads) + maxGroupBytes;
  return Math.ceil((2 * frameBytes) / chunkBytes(threads)) + 2 * threads + 6;
}

/**
 * Return the number of large groups that the kernels pack at the same time; 0 where another zstd packs them.
 */
function wideCount({ threads, maxGroupBytes }: EncoderSettings, zstd: ZstdSet): number {
  if (!isLarge(maxGroupBytes) || !zstd.hasKernels || zstd.other) return 0;
  return maxQueuedFrameBytes(maxGroupBytes, threads) / maxGroupBytes;
}

function frameCount({ threads, maxGroupBytes }: EncoderSettings): number {
  if (threads === 1) return LOCAL_FRAMES;
  if (isLarge(maxGroupBytes)) return maxQueuedFrameBytes(maxGroupBytes, threads) / maxGroupBytes + 1;
  return Math.max(THREAD_FRAMES, threads) + SPARE_FRAMES;
}
