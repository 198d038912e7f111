// The script of a worker thread: takes jobs from the queue in the shared memory and runs them. The build
// bundles it into a string, so that a bundle of the package needs no second file.

import { workerData } from 'node:worker_threads';
import { zstdSet } from '../../codec/zstd/load.js';
import { createKernels } from '../../kernels/kernels.js';
import { PAGE_FRAME_JOBS } from '../page-frames/jobs.js';
import { JobRunner } from './job-runner.js';
import { serveQueue } from './queue.js';
import type { WorkerSetup } from './workers.js';

async function main(): Promise<void> {
  const { modules, memory, queue, slots, hasZstd } = workerData as WorkerSetup;
  const kernels = await createKernels(memory.buffer.byteLength, { modules, memory });
  const zstd = zstdSet(hasZstd ? undefined : null);
  await serveQueue(memory, queue, new JobRunner({ ...slots, kernels }, slots, zstd, PAGE_FRAME_JOBS));
}

// A rejection ends the worker; `startWorkers` reports its exit.
void main();
