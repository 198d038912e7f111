import type { PackingName } from '../../codec/registry.js';
import type { Zstd } from '../../codec/zstd.js';
import { Semaphore } from '../../page/sync.js';
import type { Packing } from '../../strategy/strategy.js';
import type { Threads } from '../threads/threads.js';
import type { Packed, SegmentBuffer } from './segment.js';
import type { SegmentPacker } from './segment-packer.js';

/** Packs segments. The packed bytes are in the kernels' memory, or in memory of their own. */
export interface PackPool {
  /** @throws what the packing fails with, or PageferryError once the threads are closed */
  pack(segment: SegmentBuffer, packing: Packing): Packed | Promise<Packed>;
  /** Return the milliseconds that handing over a segment costs now, before any packing. */
  handoverMs(packing: PackingName): number;
}

/** Milliseconds to hand a segment to another thread and back: measured on two small machines. */
const HANDOVER_MS = 0.1;
/** A segment of fewer bytes is packed sooner than it is handed over. */
const MIN_HANDOVER_BYTES = 16384;

/** How a pool packs. */
export interface PackPoolOptions {
  readonly threads: Threads;
  /** The caller's own zstd, which cannot be sent to another thread. */
  readonly ownZstd: Zstd | undefined;
  readonly packer: SegmentPacker;
  /** Whether LZ4 is packed on the calling thread, where another core is not available. */
  readonly isLz4Local?: boolean;
}

/** Create a pool that packs on `threads`. */
export function createPackPool(options: PackPoolOptions): PackPool {
  const { threads, ownZstd, packer, isLz4Local = false } = options;
  // One more segment waits at the caller's zstd, so that none of its threads is idle.
  const slots = new Semaphore(threads.count + 1);
  const isLocal = (name: PackingName) =>
    threads.isLocal || (isLz4Local && name === 'lz4') || (ownZstd !== undefined && name === 'zstd');
  return {
    pack(segment, packing) {
      if (ownZstd?.compressAsync && packing.name === 'zstd' && threads.count > 1)
        return packAsync(ownZstd, segment, packing, packer, slots);
      segment.prepareJob(packing);
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

/** Pack with a zstd that has threads of its own. */
async function packAsync(
  zstd: Zstd,
  segment: SegmentBuffer,
  packing: Packing,
  packer: SegmentPacker,
  slots: Semaphore,
): Promise<Packed> {
  const bytes = segment.copyBytes();
  await slots.acquire();
  try {
    const started = performance.now();
    const frame = await zstd.compressAsync!(bytes, packing.level ?? 3);
    const ms = performance.now() - started;
    const packed = frame.length < bytes.length ? frame : bytes;
    const at = segment.setOutput(packed);
    const check = packer.checkOf(at, packed.length);
    return { packing: packed === frame ? 'zstd' : 'raw', bytes: packed, check, ms, cpuMs: ms };
  } finally {
    slots.release();
  }
}
