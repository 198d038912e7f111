import { JOB } from './job.js';
import type { JobRunner } from './job-runner.js';

/** Jobs that can wait at a time. */
export const QUEUE_JOBS = 1024;

/**
 * Words of the queue: counters (modulo 2^32) of jobs that were added, taken and done, and of threads that are
 * ready; then the ring of jobs' addresses.
 */
export const CONTROL = { TAIL: 0, HEAD: 16, DONE: 32, READY: 48, RING: 64 } as const;

/** Take and run jobs for ever: the loop of a worker. `queue`: address of the queue. */
export async function serveQueue(
  memory: WebAssembly.Memory,
  queue: number,
  runner: JobRunner,
): Promise<never> {
  const control = new Int32Array(memory.buffer);
  const base = queue / 4;
  Atomics.add(control, base + CONTROL.READY, 1);
  for (;;) {
    const tail = Atomics.load(control, base + CONTROL.TAIL);
    const head = Atomics.load(control, base + CONTROL.HEAD);
    if (head === tail) {
      Atomics.wait(control, base + CONTROL.TAIL, tail);
      continue;
    }
    const job = Atomics.load(control, base + CONTROL.RING + ((head >>> 0) % QUEUE_JOBS));
    if (Atomics.compareExchange(control, base + CONTROL.HEAD, head, (head + 1) | 0) !== head) continue;
    if (runner.needsZstd(job >>> 0)) await runner.loadZstd();
    const status = runner.run(job >>> 0);
    Atomics.store(control, (job >>> 0) / 4 + JOB.STATUS, status);
    Atomics.add(control, base + CONTROL.DONE, 1);
    Atomics.notify(control, base + CONTROL.DONE);
  }
}
