import type { PackingName } from '../../codec/registry.js';
import type { Zstd } from '../../codec/zstd.js';
import type { Packing } from '../../strategy/strategy.js';
import type { SegmentBuffer } from './segment.js';
import type { Packed, SegmentPacker } from './segment-packer.js';
import { startWorkers, type Workers } from './workers.js';

/** Packs segments. The packed bytes stand in the segment's own buffers, or in memory of their own. */
export interface PackPool {
  pack(segment: SegmentBuffer, packing: Packing): Packed | Promise<Packed>;
  /** Gets threads ready that will be needed soon. */
  prepare(): void;
  /** What handing a segment over costs now, before any packing, in ms. */
  handoverMs(packing: PackingName): number;
  close(): Promise<void>;
}

/** Packs at once, on this thread. */
export function localPool(packer: SegmentPacker): PackPool {
  return {
    pack(segment, packing) {
      const packed = packer.pack(segment.bytes.subarray(0, segment.used), packing, segment.address);
      if (packed.packing === 'raw') return packed;
      segment.output.set(packed.bytes);
      return { ...packed, bytes: segment.output.subarray(0, packed.bytes.length) };
    },
    prepare() {},
    handoverMs: () => 0,
    close: async () => {},
  };
}

/** A segment's way to another thread and back, and what starting workers takes, in ms: measured on two small machines. */
const HANDOVER_MS = 0.1;
const START_MS = 60;

/**
 * Packs up to `threads` segments side by side: zstd on Node's own threads where its zstd can, anything else on workers, which are
 * started when first needed. What is stored as it is only has to be checked: that is not worth a thread. `lz4Here`: LZ4 is packed on
 * this thread, because there is hardly a core for another one.
 */
export function threadPool(
  threads: number,
  segmentBytes: number,
  zstd: Zstd | undefined,
  ownZstd: boolean,
  packer: SegmentPacker,
  lz4Here = false,
): PackPool {
  const local = localPool(packer);
  // One more waits where the threads are, so that none stands still until this thread comes by.
  const gate = new Gate(threads + 1);
  let workers: Promise<Workers> | undefined;
  let readyAt = Infinity;
  const start = () => {
    if (!workers) {
      readyAt = performance.now() + START_MS;
      workers = startWorkers(threads, segmentBytes, zstd !== undefined && !ownZstd);
    }
    return workers;
  };
  return {
    async pack(segment, packing) {
      if (packing.name === 'raw' || (lz4Here && packing.name === 'lz4')) return local.pack(segment, packing);
      if (packing.name === 'zstd' && zstd?.compressAsync)
        return await gate.pass(() => packAside(zstd, segment, packing, packer));
      // A zstd of the caller's own cannot be sent to a worker.
      if (packing.name === 'zstd' && ownZstd) return local.pack(segment, packing);
      const started = await start();
      return await gate.pass(() => started.pack(segment, packing));
    },
    prepare() {
      // Where zstd packs on threads of its own, LZ4 alone hardly needs workers; a failed start is heard of when one is used.
      if (!zstd?.compressAsync && !ownZstd) start().catch(() => {});
    },
    handoverMs(name) {
      if (name === 'raw' || (lz4Here && name === 'lz4')) return 0;
      if (name === 'zstd' && zstd?.compressAsync) return HANDOVER_MS;
      return workers ? Math.max(HANDOVER_MS, readyAt - performance.now()) : START_MS;
    },
    async close() {
      await (await workers?.catch(() => undefined))?.close();
    },
  };
}

async function packAside(
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

/** Lets so many through at once. */
class Gate {
  private readonly waiting: (() => void)[] = [];

  constructor(private free: number) {}

  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.free === 0) await new Promise<void>((go) => this.waiting.push(go));
    else this.free--;
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.free++;
    }
  }
}
