import type { PackingName } from '../../codec/registry.js';
import { hasZstd, usesKernels, type ZstdSet } from '../../codec/zstd/load.js';
import { isWide, type SegmentScratch } from '../../codec/zstd/segment.js';
import { checkedResult, type Zstd } from '../../codec/zstd.js';
import { Semaphore } from '../../page/sync.js';
import type { Packing } from '../../strategy/strategy.js';
import { shorter } from '../threads/pack-job.js';
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
/** Level of zstd where a packing has none. */
const DEFAULT_LEVEL = 3;
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
  return new ThreadPool(options);
}

class ThreadPool implements PackPool {
  /** A zstd that the program supplied, which cannot be sent to another thread. */
  private readonly suppliedZstd: Zstd | undefined;
  private readonly suppliedSlots: Semaphore;
  private readonly largeSlots: Semaphore;
  private readonly wideSlots: Semaphore;
  private readonly freeWide: SegmentScratch[];

  constructor(private readonly options: PackPoolOptions) {
    const { threads, zstd, wide = [] } = options;
    this.suppliedZstd = zstd.hasKernels ? undefined : zstd.other;
    // One more segment waits at the supplied zstd, so that none of its threads is idle.
    this.suppliedSlots = new Semaphore(threads.count + 1);
    this.largeSlots = new Semaphore(Math.min(threads.count, MAX_PIECEWISE));
    this.wideSlots = new Semaphore(wide.length);
    this.freeWide = [...wide];
  }

  pack(segment: SegmentBuffer, wanted: Packing): Packed | Promise<Packed> {
    const { threads, zstd, wide = [] } = this.options;
    const packing: Packing = wanted.name === 'zstd' && !hasZstd(zstd) ? { name: 'lz4' } : wanted;
    const { name, level = DEFAULT_LEVEL } = packing;
    const byKernels = usesKernels(packing.encoder, zstd);
    if (name === 'zstd') {
      // Decided by the size alone, so that the packed bytes do not depend on the number of threads.
      if (!byKernels && zstd.other?.compressPieces && segment.used > MAX_WHOLE_BYTES)
        return this.packInPieces(segment, zstd.other, level);
      if (this.suppliedZstd?.compressAsync && threads.count > 1)
        return this.packBySupplied(segment, this.suppliedZstd, packing);
      if (byKernels && wide.length > 0 && isWide(segment.used, level)) return this.packWide(segment, packing);
    }
    return this.packAsJob(segment, packing, byKernels);
  }

  readonly handoverMs = (name: PackingName): number => (this.isLocal(name) ? 0 : HANDOVER_MS);

  /** Return whether no worker packs with `name`: the calling thread does, or the supplied zstd. */
  private isLocal(name: PackingName): boolean {
    const { threads, isLz4Local = false } = this.options;
    if (threads.isLocal || (isLz4Local && name === 'lz4')) return true;
    return this.suppliedZstd !== undefined && name === 'zstd';
  }

  /** Pack a large segment with a zstd that works in steps, off this thread. */
  private packInPieces(segment: SegmentBuffer, zstd: Zstd, level: number): Promise<Packed> {
    const { packer, signal } = this.options;
    const pieces = { bytes: segment.used, read: segment.copyBytes.bind(segment) };
    return packElsewhere(this.largeSlots, segment, packer, async () =>
      checkedResult(zstd, await zstd.compressPieces!(pieces, level, signal!), segment.used),
    );
  }

  /** Pack with the supplied zstd, which has threads of its own. */
  private packBySupplied(segment: SegmentBuffer, zstd: Zstd, packing: Packing): Promise<Packed> {
    const { level = DEFAULT_LEVEL, secondLevel } = packing;
    const bytes = segment.copyBytes();
    return packElsewhere(this.suppliedSlots, segment, this.options.packer, async () => {
      const compress = async (level: number) =>
        checkedResult(zstd, await zstd.compressAsync!(bytes, level), bytes.length);
      const frame = await compress(level);
      return secondLevel ? shorter(frame, await compress(secondLevel)) : frame;
    });
  }

  /** Pack with the kernels' zstd and a window of the whole segment, once there is scratch for it. */
  private async packWide(segment: SegmentBuffer, packing: Packing): Promise<Packed> {
    const { threads, packer, signal } = this.options;
    await this.wideSlots.acquire(1, signal);
    const scratch = this.freeWide.pop()!;
    try {
      if (this.isLocal(packing.name))
        return await packed(segment, packer, () => segment.packWide(scratch, packing.level!, signal));
      segment.prepareJob(packing, true, scratch);
      await threads.run(segment.job);
      return segment.result();
    } finally {
      this.freeWide.push(scratch);
      this.wideSlots.release();
    }
  }

  /** Pack as a job: of the calling thread if the segment is small, else of any thread. */
  private packAsJob(segment: SegmentBuffer, packing: Packing, byKernels: boolean): Packed | Promise<Packed> {
    const { threads, isLz4Local = false } = this.options;
    const isSmall = segment.used < MIN_HANDOVER_BYTES;
    segment.prepareJob(packing, byKernels);
    if (isLz4Local && packing.name === 'zstd' && !isSmall) threads.prepare();
    if (isSmall || this.isLocal(packing.name)) threads.runLocal(segment.job);
    else {
      const done = threads.run(segment.job);
      if (done) return done.then(() => segment.result());
    }
    return segment.result();
  }
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
