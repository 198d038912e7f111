import { zstdPackagePath } from '../../codec/zstd/package.js';
import { kernelModule } from '../../kernels/kernels.js';
import { PageferryError } from '../../page/error.js';
import { nodeModule } from '../../page/node-hooks.js';
import type { Packing } from '../../strategy/strategy.js';
import { type SegmentBuffer, sharedRoom } from './segment.js';
import type { Packed } from './segment-packer.js';
import { WORKER_SOURCE } from './worker.generated.js';
import type { PackReply, PackRequest, WorkerSetup } from './worker-protocol.js';

/** Worker threads that pack. */
export interface Workers {
  pack(segment: SegmentBuffer, packing: Packing): Promise<Packed>;
  close(): Promise<void>;
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
export async function startWorkers(threads: number, segmentBytes: number, zstd: boolean): Promise<Workers> {
  const node = nodeModule<typeof import('node:worker_threads')>('node:worker_threads');
  if (!node) throw new PageferryError('unsupported', `threads: ${threads}: worker threads need Node, use 1`);
  const setup: WorkerSetup = {
    module: await kernelModule(),
    segmentBytes,
    zstd,
    zstdPath: zstd ? zstdPackagePath() : undefined,
  };
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
    const worker = new node.Worker(WORKER_SOURCE, { eval: true, workerData: setup });
    const state = { worker, queued: 0 };
    worker.on('message', (reply: PackReply) => {
      state.queued--;
      const job = waiting.get(reply.id);
      waiting.delete(reply.id);
      if ('error' in reply) job?.failed(new PageferryError('io', `packing worker: ${reply.error}`));
      else job?.done(packedOf(reply, job.segment));
    });
    worker.on('error', fail);
    worker.on('exit', (code) => {
      if (!closing) fail(new PageferryError('io', `packing worker: ended with code ${code}`));
    });
    return state;
  });
  return {
    pack(segment, packing) {
      if (failure) return Promise.reject(failure);
      const id = nextId++;
      const idlest = pool.reduce((a, b) => (b.queued < a.queued ? b : a));
      idlest.queued++;
      const { input, output } = sharedRoom(segment);
      new Uint8Array(input).set(segment.bytes.subarray(0, segment.used));
      const request: PackRequest = { id, input, output, bytes: segment.used, packing };
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

function packedOf(reply: Exclude<PackReply, { error: string }>, segment: SegmentBuffer): Packed {
  const { packing, packedBytes, check, ms } = reply;
  const output = new Uint8Array(sharedRoom(segment).output);
  return {
    packing,
    bytes: packing === 'raw' ? segment.bytes.subarray(0, segment.used) : output.subarray(0, packedBytes),
    check,
    ms,
  };
}
