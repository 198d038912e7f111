import { isLongJob } from './job.js';
import type { JobRunner } from './job-runner.js';

/** Capacity of the queue, in jobs. */
export const QUEUE_JOBS = 1024;

/**
 * Words of the queue: counters (modulo 2^32) of jobs added (TAIL), taken (HEAD) and done, and of threads that
 * are ready; then the ring of job addresses. Each counter has a cache line of its own.
 */
export const CONTROL = { TAIL: 0, HEAD: 16, DONE: 32, READY: 48, RING: 64 } as const;

/** Take and run jobs until the worker is terminated. `queue`: address of the queue. */
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
    const job = takeJob(control, base);
    if (job === undefined) {
      Atomics.wait(control, base + CONTROL.TAIL, tail);
      continue;
    }
    const isQuick = !isLongJob(control, job);
    const ended = runner.run(job);
    if (ended === 0) continue;
    Atomics.add(control, base + CONTROL.DONE, ended);
    if (isQuick && hasQuickJobs(control, base)) continue;
    Atomics.notify(control, base + CONTROL.DONE);
  }
}

/**
 * Return whether more jobs wait than there are workers, and the next one is quick. The calling thread is then
 * woken up later, once for several jobs: a wake-up costs the same for one job and for many.
 */
function hasQuickJobs(control: Int32Array, base: number): boolean {
  const head = Atomics.load(control, base + CONTROL.HEAD);
  const waiting = (Atomics.load(control, base + CONTROL.TAIL) - head) | 0;
  if (waiting <= Atomics.load(control, base + CONTROL.READY)) return false;
  return !isLongJob(control, Atomics.load(control, base + CONTROL.RING + ((head >>> 0) % QUEUE_JOBS)) >>> 0);
}

/**
 * Take the oldest waiting job and return its address; undefined if no job waits, or if `isWanted` returns
 * false for the oldest. `base`: index of the queue's first word.
 */
export function takeJob(
  control: Int32Array,
  base: number,
  isWanted?: (job: number) => boolean,
): number | undefined {
  for (;;) {
    const head = Atomics.load(control, base + CONTROL.HEAD);
    if (head === Atomics.load(control, base + CONTROL.TAIL)) return undefined;
    const job = Atomics.load(control, base + CONTROL.RING + ((head >>> 0) % QUEUE_JOBS)) >>> 0;
    if (isWanted && !isWanted(job)) return undefined;
    if (Atomics.compareExchange(control, base + CONTROL.HEAD, head, (head + 1) | 0) === head) return job;
  }
}
