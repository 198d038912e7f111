import type { PackingName } from '../../codec/registry.js';
import type { Zstd } from '../../codec/zstd.js';
import { PageferryError } from '../../page/error.js';
import { Semaphore } from '../../page/sync.js';
import type { Packing } from '../../strategy/strategy.js';
import type { SegmentBuffer } from './segment.js';
import type { Packed, SegmentPacker } from './segment-packer.js';
import { startWorkers, type Workers } from './workers.js';

/** Packs segments. The packed bytes are in the segment's own buffers, or in memory of their own. */
export interface PackPool {
  /** @throws what the packing fails with, or PageferryError once the pool is closed */
  pack(segment: SegmentBuffer, packing: Packing): Packed | Promise<Packed>;
  /** Start threads that will be needed soon. */
  prepare(): void;
  /** Return the milliseconds that handing over a segment costs now, before any packing. */
  handoverMs(packing: PackingName): number;
  /** End the threads. Pending calls of `pack`, and later ones, reject. */
  close(): Promise<void>;
}

/** Create a pool that packs at once, on the calling thread. */
export function localPool(packer: SegmentPacker): PackPool {
  let isClosed = false;
  return {
    pack(segment, packing) {
      if (isClosed) throw closedError();
      const packed = packer.pack(segment.bytes.subarray(0, segment.used), packing, segment.address);
      if (packed.packing === 'raw') return packed;
      segment.output.set(packed.bytes);
      return { ...packed, bytes: segment.output.subarray(0, packed.bytes.length) };
    },
    prepare() {},
    handoverMs: () => 0,
    async close() {
      isClosed = true;
    },
  };
}

/**
 * Milliseconds to hand a segment to another thread and back, and to start workers: measured on two small
 * machines.
 */
const HANDOVER_MS = 0.1;
const START_MS = 60;

/** How a pool with threads packs. */
export interface ThreadPoolOptions {
  /** Segments that are packed at the same time. */
  readonly threads: number;
  /** Bytes of the largest segment. */
  readonly segmentBytes: number;
  readonly zstd: Zstd | undefined;
  /** Whether `zstd` is the caller's own implementation, which cannot be sent to a worker. */
  readonly hasOwnZstd: boolean;
  readonly packer: SegmentPacker;
  /** Pack LZ4 on the calling thread, where another core is not available. */
  readonly isLz4Local?: boolean;
}

/**
 * Create a pool that packs zstd on Node's thread pool, if that zstd can, and anything else on workers, which
 * are started when first needed. Stored segments only need a check, which the calling thread computes.
 */
export function threadPool(options: ThreadPoolOptions): PackPool {
  const { threads, segmentBytes, zstd, hasOwnZstd, packer, isLz4Local = false } = options;
  const local = localPool(packer);
  // One more segment waits at the threads, so that none is idle until this thread reads its reply.
  const slots = new Semaphore(threads + 1);
  let workers: Promise<Workers> | undefined;
  let readyAt = Infinity;
  let closed: PageferryError | undefined;
  const start = () => {
    if (!workers) {
      readyAt = performance.now() + START_MS;
      workers = startWorkers(threads, segmentBytes, zstd !== undefined && !hasOwnZstd);
      // A failed start is reported by the first `pack` that needs a worker.
      workers.catch(() => {});
    }
    return workers;
  };
  const withSlot = async (pack: () => Promise<Packed>): Promise<Packed> => {
    await slots.acquire();
    try {
      return await pack();
    } finally {
      slots.release();
    }
  };
  const isLocal = (name: PackingName) =>
    name === 'raw' ||
    (isLz4Local && name === 'lz4') ||
    (name === 'zstd' && hasOwnZstd && !zstd?.compressAsync);
  return {
    async pack(segment, packing) {
      if (closed) throw closed;
      if (isLocal(packing.name)) return local.pack(segment, packing);
      if (packing.name === 'zstd' && zstd?.compressAsync)
        return await withSlot(() => packAsync(zstd, segment, packing, packer));
      const started = await start();
      if (closed) throw closed;
      return await withSlot(() => started.pack(segment, packing));
    },
    prepare() {
      // Where zstd packs on threads of its own, LZ4 alone seldom needs workers.
      if (!zstd?.compressAsync && !hasOwnZstd) start();
    },
    handoverMs(name) {
      if (name === 'raw' || (isLz4Local && name === 'lz4')) return 0;
      if (name === 'zstd' && zstd?.compressAsync) return HANDOVER_MS;
      return workers ? Math.max(HANDOVER_MS, readyAt - performance.now()) : START_MS;
    },
    async close() {
      closed ??= closedError();
      slots.close(closed);
      const cause = closed;
      await workers?.then(
        (started) => started.close(cause),
        () => {},
      );
    },
  };
}

function closedError(): PageferryError {
  return new PageferryError('bad-argument', 'the packing threads were closed');
}

/** Pack with a zstd that has threads of its own. */
async function packAsync(
  zstd: Zstd,
  segment: SegmentBuffer,
  packing: Packing,
  packer: SegmentPacker,
): Promise<Packed> {
  const started = performance.now();
  const bytes = segment.bytes.subarray(0, segment.used);
  const frame = await zstd.compressAsync!(bytes, packing.level ?? 3);
  const ms = performance.now() - started;
  if (frame.length >= bytes.length) return { ...packer.pack(bytes, { name: 'raw' }, segment.address), ms };
  return { packing: 'zstd', bytes: frame, check: packer.checkOfBytes(frame), ms };
}
