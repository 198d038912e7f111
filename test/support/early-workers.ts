import type { WorkerStartOptions } from '../../src/engine/threads/worker-start.js';

/** Mock of `src/engine/threads/worker-start.ts` that starts workers with every image, however small. */
export class WorkerStart {
  constructor(private readonly options: WorkerStartOptions) {}

  begin(): void {
    this.options.threads.prepare(true);
  }

  progress(): void {}
}

export const workerStartMs = () => 0;
