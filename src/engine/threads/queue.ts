import { isLongJob } from './job.js';
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
 * Whether more jobs wait than there are workers, and the next one is quick: then it is enough to wake the
 * calling thread up later, for several jobs at once, which takes it as long as for one.
 */
function hasQuickJobs(control: Int32Array, base: number): boolean {
  const head = Atomics.load(control, base + CONTROL.HEAD);
  const waiting = (Atomics.load(control, base + CONTROL.TAIL) - head) | 0;
  if (waiting <= Atomics.load(control, base + CONTROL.READY)) return false;
  return !isLongJob(control, Atomics.load(control, base + CONTROL.RING + ((head >>> 0) % QUEUE_JOBS)) >>> 0);
}

/**
 * Take the address of the job that waits longest, or undefined if none does, or if it is not `isWanted`.
 * `base`: the queue's first word.
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
