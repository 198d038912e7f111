import type { Worker } from 'node:worker_threads';
import { type KernelModules, kernelModules } from '../../kernels/kernels.js';
import { PageferryError } from '../../page/error.js';
import { nodeModule, OWN_OUTPUT } from '../../page/node-hooks.js';
import type { RunnerSlots } from './runner-slots.js';

/** Start data of a worker. */
export interface WorkerSetup {
  readonly modules: KernelModules;
  /** The memory that all threads share. */
  readonly memory: WebAssembly.Memory;
  /** Address of the job queue. */
  readonly queue: number;
  readonly slots: RunnerSlots;
  /** Whether to use the kernels' zstd, and Node's if it has one. */
  readonly hasZstd: boolean;
}

/** Options of `startWorkers`: one worker for each of `slots`. */
interface WorkersOptions extends Pick<WorkerSetup, 'memory' | 'queue' | 'hasZstd'> {
  readonly slots: readonly RunnerSlots[];
  /** The threads are added to it. They do not keep the process alive until `ref` is called. */
  readonly workers: Worker[];
  /** Called when a worker fails or exits. */
  readonly onFailure: (cause: Error) => void;
}

/**
 * Start worker threads that take jobs from the queue.
 * @throws PageferryError `unsupported` where there are none
 */
export async function startWorkers({ slots, workers, onFailure, ...common }: WorkersOptions): Promise<void> {
  const node = nodeModule<typeof import('node:worker_threads')>('node:worker_threads');
  if (!node)
    throw new PageferryError('unsupported', `threads: ${slots.length}: worker threads need Node, use 1`);
  const setup = {
    ...common,
    modules: await kernelModules('shared'),
  };
  // A dynamic import: programs with one thread, and browsers, do not load it.
  const { WORKER_SOURCE } = await import('./worker.generated.js');
  for (const own of slots) {
    const worker = new node.Worker(WORKER_SOURCE, {
      ...OWN_OUTPUT,
      eval: true,
      workerData: { ...setup, slots: own },
    });
    worker.unref();
    worker.on('error', onFailure);
    worker.on('exit', (code) => onFailure(new PageferryError('io', `worker: ended with code ${code}`)));
    workers.push(worker);
  }
}
