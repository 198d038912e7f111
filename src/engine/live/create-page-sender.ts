import { createCodecContext } from '../../codec/codec.js';
import { packedLz4Capacity } from '../../codec/lz4.js';
import { loadZstd } from '../../codec/zstd/load.js';
import type { StreamState } from '../../strategy/strategy.js';
import { FrameBuilder, type FrameContext, SEGMENT_KINDS } from '../frame/frame-builder.js';
import { kernelsWithin } from '../options.js';
import { localPool, threadPool } from '../pack/pool.js';
import { createEstimate, createSegment } from '../pack/segment.js';
import { packerBytes, SegmentPacker } from '../pack/segment-packer.js';
import { LiveSender, SKETCHES_A_PAGE } from './live-sender.js';
import type { PageSender, PageSenderOptions } from './page-sender.js';

const SLACK = 1 << 17;
/** With so few, a thread of its own for LZ4 takes more than LZ4 does: a third of the sender's time, on two cores. */
const FEW_THREADS = 2;

/** Makes a sender. @throws PageferryError `limit` when there is not as much memory as its options come to */
export async function createPageSender(options: PageSenderOptions): Promise<PageSender> {
  const { threads = 1, pageBytes, batchPages } = options;
  const capacity = batchPages * pageBytes + SLACK;
  const frameCount = threads + 1;
  const slots = 2 ** Math.max(10, Math.ceil(Math.log2(options.indexPages)));
  const perFrame = SEGMENT_KINDS.length * (capacity + packedLz4Capacity(capacity) + 512);
  const memory = options.cacheBytes + frameCount * perFrame + slots * (16 + 12 * SKETCHES_A_PAGE);
  const kernels = await kernelsWithin(
    memory + packerBytes(capacity) + capacity + 64 * pageBytes + (2 << 20),
    'cacheBytes',
  );
  const zstd = await loadZstd();
  const packer = new SegmentPacker(createCodecContext(kernels), zstd, capacity);
  const pool =
    threads > 1
      ? threadPool(threads, capacity, zstd, false, packer, threads <= FEW_THREADS)
      : localPool(packer);
  const frames = Array.from(
    { length: frameCount },
    () => new FrameBuilder(() => createSegment(kernels, capacity)),
  );
  // Only the pool knows what handing a segment over costs; everything else is as the caller says, at any time.
  const handover: Pick<StreamState, 'handoverMs'> = { handoverMs: (packing) => pool.handoverMs(packing) };
  const state: StreamState = Object.assign(Object.create(options.state), handover);
  const frame: FrameContext = {
    pool,
    packer,
    strategy: options.strategy,
    state,
    pending: options.onPending ?? (() => {}),
    estimate: createEstimate(kernels, pageBytes),
  };
  return new LiveSender(
    { ...options, state },
    createCodecContext(kernels),
    slots,
    frames,
    frame,
    packer,
    pool,
    capacity,
  );
}
