import { type CodecContext, createCodecContext } from '../../codec/codec.js';
import { loadZstd } from '../../codec/zstd/load.js';
import type { Zstd } from '../../codec/zstd.js';
import { ImageDigest } from '../../dedup/image-digest.js';
import { PageIndex } from '../../dedup/page-index.js';
import { ParentPageCache } from '../../dedup/parent-page-cache.js';
import { ReferenceImages } from '../../dedup/reference-images.js';
import { Arena, type Slots } from '../../kernels/arena.js';
import { throwIfAborted } from '../../page/sync.js';
import type { StreamState } from '../../strategy/strategy.js';
import { Candidate } from '../frame/candidate.js';
import { CHUNK_BYTES } from '../frame/chunk.js';
import { FrameBuilder } from '../frame/frame-builder.js';
import { LifeCycle } from '../life-cycle.js';
import { localPool, type PackPool, threadPool } from '../pack/pool.js';
import { createEstimate, SegmentBuffer } from '../pack/segment.js';
import { SegmentPacker } from '../pack/segment-packer.js';
import { ChunkReader } from './chunk-reader.js';
import { Encoder, GROUP_SLACK } from './encoder.js';
import { type EncoderOptions, type EncoderSettings, encoderSettings } from './encoder-options.js';
import { MAX_GROUP_BYTES } from './frame-queue.js';
import type { ImageContext } from './image-encoder.js';
import { LinkMeter } from './link-meter.js';
import { type Output, RecordWriter } from './record-writer.js';

const SEGMENT_CAPACITY = MAX_GROUP_BYTES + GROUP_SLACK;
/** On one thread a frame is packed at once; the second is filled while the first is written. */
const LOCAL_FRAMES = 2;
/** With threads: enough for every thread. Their bytes are limited besides (`FrameQueue`). */
const THREAD_FRAMES = 14;
/** One that is filled, one that is written. */
const SPARE_FRAMES = 2;
const SKETCHES_PER_PAGE = 4;

/**
 * Create an encoder that writes its stream to `output`.
 * @throws PageferryError `bad-argument` for an invalid option, `limit` when the options need more memory than
 *   there is
 */
export async function createEncoder(output: Output, options: EncoderOptions = {}): Promise<Encoder> {
  const settings = encoderSettings(options);
  const startedAt = settings.clock();
  const zstd = options.zstd === null ? undefined : (options.zstd ?? (await loadZstd()));
  const arena = new Arena();
  const codec = createCodecContext(arena);
  const packer = new SegmentPacker(arena, codec, zstd, SEGMENT_CAPACITY);
  const createBuffer = () => new SegmentBuffer(arena, SEGMENT_CAPACITY, 'threads');
  const frames = Array.from({ length: frameCount(settings.threads) }, () => new FrameBuilder(createBuffer));
  const reader = new ChunkReader(arena);
  const estimate = createEstimate(arena, settings.pageBytes);
  const createImageContext = declareImageContext(arena, codec, settings);
  await arena.allocate();
  throwIfAborted(options.signal);
  const life = new LifeCycle('encoder', options.signal);
  const pool = createPool(settings, options, zstd, packer);
  life.onEnd(() => pool.close());
  const meter = settings.linkBitsPerSecond === 'measured' ? new LinkMeter() : undefined;
  const onWritten =
    meter && ((bytes: number, startMs: number, endMs: number) => meter.recordWrite(bytes, startMs, endMs));
  const writer = new RecordWriter({ output, packer, onWritten, clock: settings.clock, life });
  const planned = { ms: 0, bytes: 0 };
  const progress = { image: 0, share: 0 };
  const state: StreamState = {
    get linkBitsPerSecond() {
      return meter ? meter.bitsPerSecond : (settings.linkBitsPerSecond as number);
    },
    get bytesAcked() {
      return meter ? writer.bytesOut : undefined;
    },
    threads: settings.threads,
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
  const { strategy } = settings;
  if (strategy.isPackingLikely?.(state.linkBitsPerSecond)) pool.prepare();
  const onPending = (ms: number, bytes: number) => {
    planned.ms += ms;
    planned.bytes += bytes;
  };
  const notes = zstd ? [] : ['zstd is not available here: LZ4 packs in its place'];
  if (zstd && settings.threads > 1 && options.zstd && !zstd.compressAsync)
    notes.push(`${zstd.name} has no compressAsync: it packs on the calling thread`);
  return new Encoder({
    settings,
    life,
    image: createImageContext(state),
    frame: { pool, packer, strategy, state, onPending, estimate },
    writer,
    reader,
    frames,
    progress,
    startedAt,
    notes,
  });
}

function createPool(
  { threads }: EncoderSettings,
  options: EncoderOptions,
  zstd: Zstd | undefined,
  packer: SegmentPacker,
): PackPool {
  if (threads === 1) return localPool(packer);
  return threadPool({
    threads,
    segmentBytes: SEGMENT_CAPACITY,
    zstd,
    hasOwnZstd: options.zstd != null,
    packer,
  });
}

/** Declare the memory of an image context; the result completes it with the stream's state. */
function declareImageContext(
  slots: Slots,
  codec: CodecContext,
  settings: EncoderSettings,
): (state: StreamState) => ImageContext {
  const { pageBytes, indexSlots, dedup, similar, strategy } = settings;
  const pages = CHUNK_BYTES / pageBytes;
  const index = dedup
    ? new PageIndex(slots, pageBytes, indexSlots, SKETCHES_PER_PAGE * indexSlots, pages)
    : undefined;
  const versions = new ParentPageCache(slots, pageBytes, settings.deltaBudgetBytes);
  const earlier = new ReferenceImages(slots, pageBytes, versions);
  const digest = new ImageDigest(slots, pageBytes);
  const candidate = new Candidate(slots, codec, pageBytes, earlier, similar ? index : undefined);
  const classes = slots.slot('page classes', 2 * pages);
  const digests = slots.slot('page digests', 16 * pages);
  return (state) => ({
    codec,
    pageBytes,
    strategy,
    state,
    earlier,
    versions,
    index,
    similar,
    candidate,
    digest,
    zeroPageDigest: digest.zeroPageDigest,
    classes,
    digests,
  });
}

function frameCount(threads: number): number {
  return threads > 1 ? Math.max(THREAD_FRAMES, threads) + SPARE_FRAMES : LOCAL_FRAMES;
}
