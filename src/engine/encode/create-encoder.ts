import { zstdSet } from '../../codec/zstd/load.js';
import { checkFunction } from '../../page/options.js';
import { throwIfAborted } from '../../page/sync.js';
import type { StreamState } from '../../strategy/strategy.js';
import { LifeCycle } from '../life-cycle.js';
import { createPackPool } from '../pack/pool.js';
import { WorkerStart, workerStartMs } from '../threads/worker-start.js';
import type { ChunkPool } from './chunk.js';
import { ChunkReader } from './chunk-reader.js';
import { isLarge } from './encode-queue.js';
import { Encoder } from './encoder.js';
import { allocateEncoderMemory } from './encoder-memory.js';
import { type EncoderOptions, encoderSettings } from './encoder-options.js';
import { createMeteredOutput } from './metered-output.js';
import type { Output } from './output-writes.js';
import { createStreamState } from './stream-state.js';

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
  const { clock, strategy } = settings;
  const startedAt = clock();
  const elapsedMs = () => clock() - startedAt;
  const zstd = zstdSet(options.zstd);
  const memory = await allocateEncoderMemory(settings, zstd);
  const { packer, frames, chunks, zeroBytes } = memory;
  throwIfAborted(options.signal);
  const life = new LifeCycle('encoder', options.signal);
  const onFailure = (cause: unknown) => life.fail(cause);
  const threads = memory.createThreads({ zstd, isHelping: true, onFailure });
  life.onEnd(() => threads.close());
  // A zstd that the caller supplied may have threads of its own.
  const workingThreads = () => (threads.isLocal && zstd.hasKernels ? 1 : settings.threads);
  const pool = createPackPool({ threads, packer, zstd, wide: memory.wide, signal: life.signal });
  const working = { settings, threads, workingThreads };
  const metered = createMeteredOutput({ ...working, output, packer, life, startedAt });
  const { writer, meter, timeline } = metered;
  const current = createStreamState({ ...metered, ...working, zstd, pool, elapsedMs });
  const { state, progress, onPending } = current;
  const minHeldShare = chunkHolding(state, settings.maxGroupBytes, chunks);
  const image = memory.createImageContext(state, minHeldShare);
  const reader = new ChunkReader({
    kernels: memory.slots.kernels,
    pageBytes: settings.pageBytes,
    chunks,
    threads,
    zeroDigest: image.digest.zeroPageDigest,
    lookUps: image.index && { index: image.index, turns: memory.turns },
    meter,
  });
  return new Encoder({
    settings,
    life,
    threads,
    workerStart: new WorkerStart({ threads, elapsedMs, startMs: workerStartMs() }),
    image,
    zeros: () => zeroBytes,
    frame: { pool, packer, strategy, state, onPending, onPacked: meter.packed, estimate: memory.estimate },
    writer,
    reader,
    frames,
    progress,
    meter,
    timeline,
    startedAt,
    notes: notesOf(options.zstd, settings.threads),
  });
}

/** Return what a summary of the stream has to say about the zstd that the caller supplied. */
function notesOf(zstd: EncoderOptions['zstd'], threads: number): string[] {
  const notes = zstd === null ? ['zstd is turned off: LZ4 packs in its place'] : [];
  if (threads > 1 && zstd && !zstd.compressAsync)
    notes.push(`${zstd.name} has no compressAsync: it packs on the calling thread`);
  return notes;
}

/** Create `ImageContext.minHeldShare`, which decides whether frames hold chunks or copy their pages. */
function chunkHolding(state: StreamState, maxGroupBytes: number, chunks: ChunkPool): () => number {
  return () => {
    // With one thread, pages are copied while they are in its cache, and few chunks are reused.
    // Pages of large groups are copied too: these would hold too many chunks.
    if (state.threads === 1 || isLarge(maxGroupBytes)) return Infinity;
    return chunks.takenCount < SPARSE_CHUNKS ? MIN_SPARSE_SHARE : MIN_HELD_SHARE;
  };
}
