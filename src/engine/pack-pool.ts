import { nodeModule, zstdPackagePath } from '../codec/zstd.js';
import { kernelModule } from '../kernels/kernels.js';
import { PageferryError } from '../page/error.js';
import type { Packing } from '../strategy/strategy.js';
import type { Packed, SegmentPacker } from './packing.js';
import type { SegmentBuffer } from './segment.js';
import { WORKER_SOURCE } from './worker.generated.js';
import type { PackReply, PackRequest, WorkerSetup } from './worker-protocol.js';

/** Packs segments: on this thread, or on several others. The packed bytes stand in the segment's own buffers. */
export interface PackPool {
  readonly threads: number;
  pack(segment: SegmentBuffer, packing: Packing): Packed | Promise<Packed>;
  close(): Promise<void>;
}

/** Packs at once, on this thread. */
export function localPool(packer: SegmentPacker): PackPool {
  return {
    threads: 1,
    pack(segment, packing) {
      const packed = packer.pack(segment.bytes.subarray(0, segment.used), packing, segment.address);
      if (packed.packing === 'raw') return packed;
      segment.output.set(packed.bytes);
      return { ...packed, bytes: segment.output.subarray(0, packed.bytes.length) };
    },
    close: async () => {},
  };
}

interface Waiting {
  readonly segment: SegmentBuffer;
  readonly done: (packed: Packed) => void;
  readonly failed: (error: Error) => void;
}

/**
 * Starts `threads` packing workers.
 * @throws PageferryError `unsupported` where there are no worker threads
 */
export async function workerPool(threads: number, segmentBytes: number, zstd: boolean): Promise<PackPool> {
  const workers = nodeModule<typeof import('node:worker_threads')>('node:worker_threads');
  if (!workers) throw new PageferryError('unsupported', `threads: ${threads}: worker threads need Node, use 1`);
  const setup: WorkerSetup = { module: await kernelModule(), segmentBytes, zstd, zstdPath: zstd ? zstdPackagePath() : undefined };
  const waiting = new Map<number, Waiting>();
  let nextId = 0;
  let failure: Error | undefined;
  let closing = false;
  const fail = (error: Error) => {
    failure ??= error;
    for (const { failed } of waiting.values()) failed(error);
    waiting.clear();
  };
  const pool = Array.from({ length: threads }, () => {
    const worker = new workers.Worker(WORKER_SOURCE, { eval: true, workerData: setup });
    const state = { worker, queued: 0 };
    worker.on('message', (reply: PackReply) => {
      state.queued--;
      const job = waiting.get(reply.id)!;
      waiting.delete(reply.id);
      if ('error' in reply) return job?.failed(new PageferryError('io', `packing worker: ${reply.error}`));
      const { bytes, output, used } = job.segment;
      const { packing, packedBytes, check, ms } = reply;
      job.done({ packing, bytes: packing === 'raw' ? bytes.subarray(0, used) : output.subarray(0, packedBytes), check, ms });
    });
    worker.on('error', fail);
    worker.on('exit', (code) => {
      if (!closing) fail(new PageferryError('io', `packing worker: ended with code ${code}`));
    });
    return state;
  });
  return {
    threads,
    pack(segment, packing) {
      if (failure) return Promise.reject(failure);
      const id = nextId++;
      const idlest = pool.reduce((a, b) => (b.queued < a.queued ? b : a));
      idlest.queued++;
      const request: PackRequest = {
        id,
        input: segment.bytes.buffer as SharedArrayBuffer,
        output: segment.output.buffer as SharedArrayBuffer,
        bytes: segment.used,
        packing,
      };
      return new Promise((done, failed) => {
        waiting.set(id, { segment, done, failed });
        idlest.worker.postMessage(request);
      });
    },
    async close() {
      closing = true;
      await Promise.all(pool.map(({ worker }) => worker.terminate()));
    },
  };
}
