import { createCodecContext } from '../../codec/codec.js';
import { type ZstdSet, zstdSet, zstdState } from '../../codec/zstd/load.js';
import { Arena } from '../../kernels/arena.js';
import { badArgument } from '../../page/error.js';
import { checkOptions, type OptionTypes } from '../../page/options.js';
import { throwIfAborted } from '../../page/sync.js';
import { adaptive } from '../../strategy/adaptive/adaptive.js';
import { strategyOf } from '../../strategy/check-strategy.js';
import type { StreamState } from '../../strategy/strategy.js';
import { PAGE_BYTES } from '../../stream/format.js';
import { FrameBuilder } from '../frame/frame-builder.js';
import { mainKindOf } from '../frame/frame-content.js';
import type { FrameContext } from '../frame/pack-content.js';
import { checkInteger } from '../options.js';
import { createPackPool, type PackPool } from '../pack/pool.js';
import { createEstimate } from '../pack/segment.js';
import { SegmentPacker } from '../pack/segment-packer.js';
import { declareThreads } from '../threads/declare-threads.js';
import { BatchEncoder, type BatchEncoderOptions } from './batch-encoder.js';
import { checkedBase } from './checked-pages.js';
import { LiveSender } from './live-sender.js';
import { DEDUP_LEVELS, type PageSender, type PageSenderOptions } from './page-sender.js';

/** Capacity of a segment beyond the bytes of a batch. */
const SEGMENT_SLACK = 1 << 17;
/**
 * With this many threads or fewer, LZ4 runs on the calling thread: a worker for it took a third of the
 * sender's time on two cores.
 */
const FEW_THREADS = 2;
const LINK_BITS_PER_SECOND = 1e9;
const MAX_CACHE_BYTES = 2 ** 31;

const OPTION_TYPES: OptionTypes<PageSenderOptions> = {
  pageBytes: 'number',
  strategy: 'any',
  state: 'any',
  dedup: 'any',
  cacheBytes: 'number',
  batchPages: 'number',
  indexPages: 'number',
  threads: 'number',
  rereadPage: 'function',
  onPending: 'function',
  base: 'any',
  signal: 'any',
};

/**
 * Create a sender of a live guest.
 * @throws PageferryError `bad-argument` for an option out of bounds, `limit` if the options need too much
 *   memory; the reason of `signal`; the error of `base.read`
 */
export async function createPageSender(options: PageSenderOptions = {}): Promise<PageSender> {
  checkOptions('createPageSender', options, OPTION_TYPES);
  const { threads = 1, signal } = options;
  throwIfAborted(signal);
  const zstd = zstdSet();
  const progress = new PackingProgress(threads, zstd, options);
  const settings = settingsOf(options, progress);
  const { pageBytes, batchPages, base } = settings;
  const capacity = batchPages * pageBytes + SEGMENT_SLACK;
  const frameCount = threads + 1;
  const arena = new Arena();
  const codec = createCodecContext(arena, settings.strategy);
  const packer = new SegmentPacker(arena, codec, zstd, capacity, 'batchPages');
  const createThreads = await declareThreads(arena, codec, threads, capacity);
  // These replace values of the caller's state: only this sender knows its pool and its kernels.
  let pool: PackPool | undefined;
  const own: Pick<StreamState, 'handoverMs' | 'hasZstdPages'> = {
    handoverMs: (packing) => pool?.handoverMs(packing) ?? 0,
    hasZstdPages: zstd.hasKernels,
  };
  const state: StreamState = Object.assign(Object.create(settings.state), own);
  const encoder = new BatchEncoder(arena, codec, { ...settings, state });
  const estimate = createEstimate(arena, pageBytes);
  const free = Array.from(
    { length: frameCount },
    () => new FrameBuilder(arena, capacity, mainKindOf(settings.strategy), 'threads'),
  );
  await arena.allocate({ isShared: threads > 1 });
  // A failure rejects the batches in flight, and every later one.
  const jobThreads = createThreads({
    zstd,
    isHelping: false,
    onFailure() {},
  });
  try {
    pool = createPackPool({
      threads: jobThreads,
      zstd,
      packer,
      isLz4Local: threads <= FEW_THREADS,
    });
    if (threads > FEW_THREADS) jobThreads.prepare();
    const context: FrameContext = {
      pool,
      packer,
      strategy: settings.strategy,
      state,
      onPending: progress.pending,
      estimate,
    };
    if (base) await encoder.addBase(base, signal);
    return new LiveSender({ encoder, free, context, threads: jobThreads, capacity }, { ...settings, state });
  } catch (cause) {
    await jobThreads.close();
    throw cause;
  }
}

function settingsOf(options: PageSenderOptions, progress: PackingProgress): BatchEncoderOptions {
  const { pageBytes = 4096, strategy = adaptive(), dedup = 'similar' } = options;
  const { cacheBytes = 64 << 20, batchPages = 256, indexPages = 1 << 17, threads = 1 } = options;
  if (!PAGE_BYTES.includes(pageBytes))
    throw badArgument(`pageBytes: expected one of ${PAGE_BYTES.join(', ')}, got ${pageBytes}`);
  if (!DEDUP_LEVELS.includes(dedup))
    throw badArgument(`dedup: expected one of ${DEDUP_LEVELS.join(', ')}, got ${dedup}`);
  checkInteger('cacheBytes', cacheBytes, 0, MAX_CACHE_BYTES);
  checkInteger('batchPages', batchPages, 1, 1 << 16);
  checkInteger('indexPages', indexPages, 1, 2 ** 26);
  checkInteger('threads', threads, 1, 16);
  return {
    pageBytes,
    strategy: strategyOf(strategy),
    state: options.state ?? progress.state,
    dedup,
    cacheBytes,
    batchPages,
    indexSlots: 2 ** Math.max(10, Math.ceil(Math.log2(indexPages))),
    rereadPage: options.rereadPage,
    base: options.base === undefined ? undefined : checkedBase(options.base),
  };
}

/** Counts packing in progress, and the default state of a sender. */
class PackingProgress {
  readonly state: StreamState;
  private bytes = 0;
  private ms = 0;

  constructor(
    threads: number,
    zstd: ZstdSet,
    private readonly options: PageSenderOptions,
  ) {
    const progress = this;
    const startedAt = performance.now();
    this.state = {
      linkBitsPerSecond: LINK_BITS_PER_SECOND,
      threads,
      elapsedMs: () => performance.now() - startedAt,
      get bytesOut() {
        return progress.bytes;
      },
      get pendingMs() {
        return progress.ms;
      },
      handoverMs: () => 0,
      ...zstdState(zstd),
    };
  }

  readonly pending = (ms: number, bytes: number): void => {
    this.ms += ms;
    this.bytes += bytes;
    this.options.onPending?.(ms, bytes);
  };
}
