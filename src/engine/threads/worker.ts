// A worker: takes jobs from the queue in the shared memory and runs them. Bundled into a string at build
// time, so that a bundle of the package needs no second file.

import { workerData } from 'node:worker_threads';
import { loadZstd } from '../../codec/zstd/load.js';
import { createKernels } from '../../kernels/kernels.js';
import { JobRunner } from './job-runner.js';
import { serveQueue } from './queue.js';
import type { WorkerSetup } from './workers.js';

async function main(): Promise<void> {
  const { module, memory, queue, slots, zstd, zstdPath } = workerData as WorkerSetup;
  const kernels = await createKernels(memory.buffer.byteLength, { module, memory });
  const { lz4Scratch, wkdmScratch } = slots;
  const load = zstd ? () => loadZstd(zstdPath) : undefined;
  await serveQueue(
    memory,
    queue,
    new JobRunner({ kernels, lz4Scratch, wkdmScratch }, slots, undefined, load),
  );
}

// A rejection ends the worker, which the pool reports.
void main();
