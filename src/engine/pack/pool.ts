import type { PackingName } from '../../codec/registry.js';
import { hasZstd, usesKernels, type ZstdSet } from '../../codec/zstd/load.js';
import { isWide, type SegmentScratch } from '../../codec/zstd/segment.js';
import { Semaphore } from '../../page/sync.js';
import type { Packing } from '../../strategy/strategy.js';
import { shorter } from '../threads/job-runner.js';
import type { Threads } from '../threads/threads.js';
import type { Packed, SegmentBuffer } from './segment.js';
import type { SegmentPacker } from './segment-packer.js';

/** Packs segments, on worker threads where there are any. */
export interface PackPool {
  /**
   * Pack a segment; LZ4 replaces zstd where there is none.
   * @throws the packer's error; PageferryError once the threads are closed
   */
  pack(segment: SegmentBuffer, packing: Packing): Packed | Promise<Packed>;
  /**
   * Return the ms that it takes now to hand a segment to another thread; 0 if the calling thread packs it.
   */
  handoverMs(packing: PackingName): number;
}

/** Milliseconds to hand a segment to another thread and back: measured on two small machines. */
const HANDOVER_MS = 0.1;
/** Smaller segments are packed on the calling thread: the handover takes longer. */
const MIN_HANDOVER_BYTES = 16384;

/** Larger segments are packed in pieces: one call would block its thread for too long. */
const MAX_WHOLE_BYTES = 9 << 20;
/** Segments packed in pieces at the same time; each needs hundreds of MiB. */
const MAX_PIECEWISE = 2;

/** Options of a pool. */
export interface PackPoolOptions {
  readonly threads: Threads;
  readonly zstd: ZstdSet;
  readonly packer: SegmentPacker;
  /**
   * Scratch for zstd with a window of the whole segment: one for each such segment packed at the same time.
   */
  readonly wide?: readonly SegmentScratch[];
  /** Aborts packing in pieces. */
  readonly signal?: AbortSignal;
  /**
   * Whether the calling thread packs LZ4. Workers are then started for the first zstd segment only: on a fast
   * link there is none.
   */
  readonly isLz4Local?: boolean;
}

/** Create a pool that packs on `threads`. */
export function createPackPool(options: PackPoolOptions): PackPool {
  const { threads, packer, zstd, signal, isLz4Local = false, wide = [] } = options;
  // A zstd that the caller supplied cannot be sent to another thread.
  const ownZstd = zstd.hasKernels ? undefined : zstd.other;
  // One more segment waits at the caller's zstd, so that none of its threads is idle.
  const slots = new Semaphore(threads.count + 1);
  const largeSlots = new Semaphore(Math.min(threads.count, MAX_PIECEWISE));
  const freeWide = [...wide];
  const wideSlots = new Semaphore(wide.length);
  const isLocal = (name: PackingName) =>
    threads.isLocal || (isLz4Local && name === 'lz4') || (ownZstd !== undefined && name === 'zstd');
  const withWide = async (segment: SegmentBuffer, packing: Packing): Promise<Packed> => {
    await wideSlots.acquire(1, signal);
    const scratch = freeWide.pop()!;
    try {
      if (isLocal(packing.name))
        return await packed(segment, packer, () => segment.packWide(scratch, packing.level!, signal));
      segment.prepareJob(packing, true, scratch);
      await threads.run(segment.job);
      return segment.result();
    } finally {
      freeWide.push(scratch);
      wideSlots.release();
    }
  };
  return {
    pack(segment, wanted) {
      const packing: Packing = wanted.name === 'zstd' && !hasZstd(zstd) ? { name: 'lz4' } : wanted;
      const byKernels = usesKernels(packing.encoder, zstd);
      // Decided by the size alone, so that the packed bytes do not depend on the number of threads.
      if (
        packing.name === 'zstd' &&
        !byKernels &&
        zstd.other?.compressPieces &&
        segment.used > MAX_WHOLE_BYTES
      ) {
        const compress = zstd.other.compressPieces.bind(zstd.other);
        const pieces = { bytes: segment.used, read: segment.copyBytes.bind(segment) };
        return packElsewhere(largeSlots, segment, packer, () =>
          compress(pieces, packing.level ?? 3, signal!),
        );
      }
      if (ownZstd?.compressAsync && packing.name === 'zstd' && threads.count > 1) {
        const bytes = segment.copyBytes();
        const compress = ownZstd.compressAsync.bind(ownZstd);
        const { level = 3, secondLevel } = packing;
        return packElsewhere(slots, segment, packer, async () => {
          const frame = await compress(bytes, level);
          return secondLevel ? shorter(frame, await compress(bytes, secondLevel)) : frame;
        });
      }
      if (byKernels && packing.name === 'zstd' && wide.length > 0 && isWide(segment.used, packing.level ?? 3))
        return withWide(segment, packing);
      segment.prepareJob(packing, byKernels);
      if (isLz4Local && packing.name === 'zstd' && segment.used >= MIN_HANDOVER_BYTES) threads.prepare();
      if (isLocal(packing.name) || segment.used < MIN_HANDOVER_BYTES) threads.runLocal(segment.job);
      else {
        const done = threads.run(segment.job);
        if (done) return done.then(() => segment.result());
      }
      return segment.result();
    },
    handoverMs: (name) => (isLocal(name) ? 0 : HANDOVER_MS),
  };
}

/** Pack with a zstd that has threads of its own, once `slots` has a free one. */
async function packElsewhere(
  slots: Semaphore,
  segment: SegmentBuffer,
  packer: SegmentPacker,
  compress: () => Promise<Uint8Array>,
): Promise<Packed> {
  await slots.acquire();
  try {
    return await packed(segment, packer, compress);
  } finally {
    slots.release();
  }
}

/**
 * Pack with `compress`, whose result may be in the segment's output already; store the segment if not
 * smaller.
 */
async function packed(
  segment: SegmentBuffer,
  packer: SegmentPacker,
  compress: () => Promise<Uint8Array>,
): Promise<Packed> {
  const started = performance.now();
  const frame = await compress();
  const ms = performance.now() - started;
  const isSmaller = frame.length < segment.used;
  const bytes = isSmaller ? frame : segment.copyBytes();
  const check = packer.checkOf(segment.setOutput(bytes), bytes.length);
  return {
    packing: isSmaller ? 'zstd' : 'raw',
    parts: [bytes],
    packedBytes: bytes.length,
    check,
    ms,
    cpuMs: ms,
  };
}
