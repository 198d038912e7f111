import { type CodecContext, createCodecContext } from '../../codec/codec.js';
import { packedLz4Capacity } from '../../codec/lz4.js';
import { loadZstd } from '../../codec/zstd/load.js';
import { ImageDigest } from '../../dedup/image-digest.js';
import { PageIndex } from '../../dedup/page-index.js';
import { ParentPageCache } from '../../dedup/parent-page-cache.js';
import { ReferenceImages } from '../../dedup/reference-images.js';
import type { StreamState } from '../../strategy/strategy.js';
import { Candidate } from '../frame/candidate.js';
import { CHUNK_BYTES } from '../frame/chunk.js';
import { FrameBuilder, type FrameContext, SEGMENT_KINDS } from '../frame/frame-builder.js';
import { kernelsWithin } from '../options.js';
import { localPool, threadPool } from '../pack/pool.js';
import { createEstimate, createSegment } from '../pack/segment.js';
import { packerBytes, SegmentPacker } from '../pack/segment-packer.js';
import { ChunkReader } from './chunk-reader.js';
import { Encoder, GROUP_SLACK } from './encoder.js';
import { type EncoderOptions, type EncoderSettings, encoderSettings } from './encoder-options.js';
import { LARGEST_GROUP_BYTES } from './frame-queue.js';
import type { ImageContext } from './image-encoder.js';
import { LinkMeter } from './link-meter.js';
import { type Output, RecordWriter } from './record-writer.js';

const SEGMENT_CAPACITY = LARGEST_GROUP_BYTES + GROUP_SLACK;
/** On this thread a frame is packed at once; the second is filled while the first is written. */
const LOCAL_FRAMES = 2;
/** With threads: some for each to work on, one that fills, one that is written; their bytes are bounded besides. */
const THREAD_FRAMES = 14;
const SPARE_FRAMES = 2;
const SKETCHES_A_PAGE = 4;

/**
 * Makes an encoder whose stream goes to `output`.
 * @throws PageferryError `bad-argument` for options that make no sense
 */
export async function createEncoder(output: Output, options: EncoderOptions = {}): Promise<Encoder> {
  const settings = encoderSettings(options);
  const startedAt = settings.clock();
  const { threads, strategy } = settings;
  const zstd = options.zstd === null ? undefined : (options.zstd ?? (await loadZstd()));
  const kernels = await kernelsWithin(memoryBytes(settings), 'deltaBudgetBytes and indexPages');
  const codec = createCodecContext(kernels);
  const packer = new SegmentPacker(codec, zstd, SEGMENT_CAPACITY);
  const pool =
    threads > 1
      ? threadPool(threads, SEGMENT_CAPACITY, zstd, options.zstd != null, packer)
      : localPool(packer);
  const meter = settings.linkBitsPerSecond === 'measured' ? new LinkMeter() : undefined;
  const taken = meter && ((bytes: number, began: number, ended: number) => meter.taken(bytes, began, ended));
  const queue = new RecordWriter(output, packer, taken, settings.clock);
  const planned = { ms: 0, bytes: 0 };
  const progress = { image: 0, share: 0 };
  const state: StreamState = {
    get linkBitsPerSecond() {
      return meter ? meter.bitsPerSecond : (settings.linkBitsPerSecond as number);
    },
    get bytesAcked() {
      return meter ? queue.bytesOut : undefined;
    },
    threads,
    elapsedMs: () => settings.clock() - startedAt,
    get bytesOut() {
      return planned.bytes;
    },
    get pendingMs() {
      return planned.ms;
    },
    handoverMs: pool.handoverMs,
    hasZstd: zstd !== undefined,
    zstdName: zstd?.name,
    progress,
  };
  if (strategy.isPackingLikely?.(state.linkBitsPerSecond)) pool.prepare();
  const pending = (ms: number, bytes: number) => {
    planned.ms += ms;
    planned.bytes += bytes;
  };
  const estimate = createEstimate(kernels, settings.pageBytes);
  const frameContext: FrameContext = { pool, packer, strategy, state, pending, estimate };
  const makeBuffer = () => createSegment(kernels, SEGMENT_CAPACITY);
  const frames = Array.from({ length: frameCount(threads) }, () => new FrameBuilder(makeBuffer));
  const notes = zstd ? [] : ['zstd is not available here: LZ4 packs in its place'];
  if (zstd && threads > 1 && options.zstd && !zstd.compressAsync)
    notes.push(`${zstd.name} has no compressAsync: it packs on the calling thread`);
  return new Encoder({
    settings,
    image: imageContext(codec, settings, state),
    frame: frameContext,
    queue,
    reader: new ChunkReader(kernels),
    frames,
    progress,
    startedAt,
    notes,
  });
}

function imageContext(codec: CodecContext, settings: EncoderSettings, state: StreamState): ImageContext {
  const { kernels } = codec;
  const { pageBytes, indexSlots, dedup, similar, strategy } = settings;
  const pages = CHUNK_BYTES / pageBytes;
  const index = dedup
    ? new PageIndex(kernels, pageBytes, indexSlots, SKETCHES_A_PAGE * indexSlots, pages)
    : undefined;
  const versions = new ParentPageCache(kernels, pageBytes, settings.deltaBudgetBytes);
  const earlier = new ReferenceImages(kernels, pageBytes, versions);
  const digest = new ImageDigest(kernels, pageBytes);
  return {
    codec,
    pageBytes,
    strategy,
    state,
    earlier,
    versions,
    index,
    similar,
    candidate: new Candidate(codec, pageBytes, earlier, similar ? index : undefined),
    digest,
    zeroPageDigest: digest.zeroPageDigest,
    classes: kernels.reserve(2 * pages, 'page classes'),
    digests: kernels.reserve(16 * pages, 'page digests'),
  };
}

function frameCount(threads: number): number {
  return threads > 1 ? Math.max(THREAD_FRAMES, threads) + SPARE_FRAMES : LOCAL_FRAMES;
}

/** Address space for it all; what is not touched costs nothing. */
function memoryBytes({ deltaBudgetBytes, indexSlots, threads, pageBytes }: EncoderSettings): number {
  const segment = SEGMENT_CAPACITY + packedLz4Capacity(SEGMENT_CAPACITY) + 256;
  const buffers = frameCount(threads) * SEGMENT_KINDS.length * segment;
  const tables = indexSlots * (16 + 12 * SKETCHES_A_PAGE);
  const scratch = packerBytes(SEGMENT_CAPACITY) + ChunkReader.memoryBytes + 64 * pageBytes + (1 << 20);
  return deltaBudgetBytes + buffers + tables + scratch;
}
