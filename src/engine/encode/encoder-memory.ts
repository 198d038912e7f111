import { type CodecContext, createCodecContext } from '../../codec/codec.js';
import type { ZstdSet } from '../../codec/zstd/load.js';
import { declareWideScratch, type SegmentScratch } from '../../codec/zstd/segment.js';
import { ImageDigest } from '../../dedup/image-digest.js';
import { PageIndex } from '../../dedup/page-index.js';
import { ParentPageCache } from '../../dedup/parent-page-cache.js';
import { ReferenceImages } from '../../dedup/reference-images.js';
import { Arena, type Slots } from '../../kernels/arena.js';
import type { StreamState } from '../../strategy/strategy.js';
import { Candidate } from '../frame/candidate.js';
import { FrameBuilder } from '../frame/frame-builder.js';
import { mainKindOf } from '../frame/frame-content.js';
import { createEstimate } from '../pack/segment.js';
import { SegmentPacker } from '../pack/segment-packer.js';
import { declareThreads } from '../threads/declare-threads.js';
import { Turns } from '../threads/turns.js';
import { ChunkPool, chunkBytes } from './chunk.js';
import { DEFAULT_MAX_GROUP_BYTES, isLarge, LOCAL_FRAMES, maxQueuedFrameBytes } from './encode-queue.js';
import { type EncoderSettings, GROUP_SLACK } from './encoder-options.js';
import type { ImageContext } from './image-encoder.js';

/** Capacity of the packer of tables and record heads, in bytes. */
const PACKER_CAPACITY = DEFAULT_MAX_GROUP_BYTES;
/** Minimum number of frames with several threads, beside SPARE_FRAMES; `EncodeQueue` limits their bytes. */
const THREAD_FRAMES = 14;
/** Further frames: one is filled, one is written. */
const SPARE_FRAMES = 2;
const SKETCHES_PER_PAGE = 4;

/** The parts of an encoder that work in its memory. */
export interface EncoderMemory {
  readonly slots: Slots;
  /** Packs tables and record heads on the calling thread. */
  readonly packer: SegmentPacker;
  readonly frames: FrameBuilder[];
  readonly chunks: ChunkPool;
  readonly turns: Turns;
  /** Address of a page of zero bytes. */
  readonly zeroBytes: number;
  readonly estimate: ReturnType<typeof createEstimate>;
  /** Scratch for each large group that the kernels' zstd packs at the same time. */
  readonly wide: readonly SegmentScratch[];
  readonly createImageContext: (state: StreamState, minHeldShare: () => number) => ImageContext;
  readonly createThreads: Awaited<ReturnType<typeof declareThreads>>;
}

/** Allocate the memory of an encoder, all at once. @throws PageferryError `limit` if there is too little */
export async function allocateEncoderMemory(
  settings: EncoderSettings,
  zstd: ZstdSet,
): Promise<EncoderMemory> {
  const { threads, pageBytes, strategy } = settings;
  const slots = new Arena();
  const codec = createCodecContext(slots, strategy);
  const packer = new SegmentPacker(slots, codec, zstd, PACKER_CAPACITY);
  const capacity = settings.maxGroupBytes + GROUP_SLACK;
  const draftPageBytes = strategy.maxGroupBytes === undefined ? undefined : pageBytes;
  const frames = Array.from(
    { length: frameCount(settings) },
    () => new FrameBuilder(slots, capacity, mainKindOf(strategy), 'threads', draftPageBytes),
  );
  const memory = {
    slots,
    packer,
    frames,
    chunks: new ChunkPool(slots, chunkBytes(threads), pageBytes, chunkCount(settings)),
    turns: new Turns(slots),
    zeroBytes: slots.slot('zero bytes', pageBytes),
    estimate: createEstimate(slots, pageBytes),
    createImageContext: declareImageContext(slots, codec, settings),
    createThreads: await declareThreads(slots, codec, threads, capacity),
    wide: Array.from({ length: wideCount(settings, zstd) }, () => declareWideScratch(slots, capacity)),
  };
  await slots.allocate({ isShared: threads > 1 });
  return memory;
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
