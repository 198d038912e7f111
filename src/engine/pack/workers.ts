import { zstdPackagePath } from '../../codec/zstd/package.js';
import { kernelModule } from '../../kernels/kernels.js';
import { PageferryError } from '../../page/error.js';
import { nodeModule } from '../../page/node-hooks.js';
import type { Packing } from '../../strategy/strategy.js';
import type { SegmentBuffer } from './segment.js';
import type { Packed } from './segment-packer.js';
import { WORKER_SOURCE } from './worker.generated.js';
import type { PackReply, PackRequest, WorkerSetup } from './worker-protocol.js';

/** Worker threads that pack segments. */
export interface Workers {
  /**
   * Pack on the thread with the fewest segments. @throws the first failure of a thread, or the cause of
   * `close`
   */
  pack(segment: SegmentBuffer, packing: Packing): Promise<Packed>;
  /** End the threads; pending calls of `pack`, and later ones, reject with `cause`. */
  close(cause: Error): Promise<void>;
}

interface PendingPack {
  readonly segment: SegmentBuffer;
  readonly resolve: (packed: Packed) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Start `threads` packing workers.
 * @throws PageferryError `unsupported` where there are no worker threads
 */
export async function startWorkers(threads: number, segmentBytes: number, zstd: boolean): Promise<Workers> {
  const node = nodeModule<typeof import('node:worker_threads')>('node:worker_threads');
  if (!node) throw new PageferryError('unsupported', `threads: ${threads}: worker threads need Node, use 1`);
  const setup: WorkerSetup = {
    module: await kernelModule(),
    segmentBytes,
    zstd,
    zstdPath: zstd ? zstdPackagePath() : undefined,
  };
  const pending = new Map<number, PendingPack>();
  let nextId = 0;
  let failure: Error | undefined;
  const fail = (error: Error) => {
    failure ??= error;
    for (const { reject } of pending.values()) reject(failure);
    pending.clear();
  };
  const pool = Array.from({ length: threads }, () => {
    const worker = new node.Worker(WORKER_SOURCE, { eval: true, workerData: setup });
    const state = { worker, queued: 0 };
    worker.on('message', (reply: PackReply) => {
      state.queued--;
      const request = pending.get(reply.id);
      pending.delete(reply.id);
      if ('error' in reply) request?.reject(new PageferryError('io', `packing worker: ${reply.error}`));
      else request?.resolve(packedOf(reply, request.segment));
    });
    worker.on('error', fail);
    worker.on('exit', (code) => fail(new PageferryError('io', `packing worker: ended with code ${code}`)));
    return state;
  });
  return {
    pack(segment, packing) {
      if (failure) return Promise.reject(failure);
      const id = nextId++;
      const idlest = pool.reduce((a, b) => (b.queued < a.queued ? b : a));
      idlest.queued++;
      const { input, output } = segment.shared;
      new Uint8Array(input).set(segment.bytes.subarray(0, segment.used));
      const request: PackRequest = { id, input, output, bytes: segment.used, packing };
      return new Promise((resolve, reject) => {
        pending.set(id, { segment, resolve, reject });
        idlest.worker.postMessage(request);
      });
    },
    async close(cause) {
      fail(cause);
      await Promise.all(pool.map(({ worker }) => worker.terminate()));
    },
  };
}

function packedOf(reply: Exclude<PackReply, { error: string }>, segment: SegmentBuffer): Packed {
  const { packing, packedBytes, check, ms } = reply;
  const output = new Uint8Array(segment.shared.output);
  return {
    packing,
    bytes: packing === 'raw' ? segment.bytes.subarray(0, segment.used) : output.subarray(0, packedBytes),
    check,
    ms,
  };
}
