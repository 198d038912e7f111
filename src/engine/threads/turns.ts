// Ordered completion of jobs that run in parallel. Each job has a turn (0, 1, 2, …), and its last part runs
// in the order of the turns. A job that ends before its turn registers itself and returns; the thread that
// runs the job before it then runs its last part too. So no thread waits for another.

import type { Slots } from '../../kernels/arena.js';

/** Maximum number of jobs that wait for their turn; above the number of chunks. Turns are modulo this. */
const MAX_WAITING = 1024;

/**
 * Words: LOCK is 1 while a thread runs last parts; NEXT is the next turn; WAITING has waiting jobs by turn.
 */
const TURNS = { LOCK: 0, NEXT: 16, WAITING: 32 } as const;

/** Numbers the jobs of a stream in the order in which they are started. */
export class Turns {
  /** Address of the words that threads share. */
  readonly address: number;
  private count = 0;

  constructor(slots: Slots) {
    this.address = slots.slot('turns', 4 * (TURNS.WAITING + MAX_WAITING));
  }

  /** Return the next turn. Its job has to be started. */
  take(): number {
    return this.count++ % MAX_WAITING;
  }
}

/**
 * Register `job`. If its turn has come, call `inTurn` for it and for the jobs after it that wait, then `end`
 * for each: `inTurn` runs in the order of the turns, one at a time; `end` in any order, in parallel. Returns
 * the number of jobs that ended; 0: another thread will end this job.
 */
export function endInTurn(
  control: Int32Array,
  turns: number,
  job: number,
  turn: number,
  inTurn: (job: number) => void,
  end: (job: number) => void,
): number {
  const lock = turns / 4 + TURNS.LOCK;
  const next = turns / 4 + TURNS.NEXT;
  const waiting = turns / 4 + TURNS.WAITING;
  const taken: number[] = [];
  Atomics.store(control, waiting + turn, job);
  while (Atomics.load(control, waiting + Atomics.load(control, next)) !== 0) {
    // The thread that holds the lock checks again after it has released it, so this job is not missed.
    if (Atomics.compareExchange(control, lock, 0, 1) !== 0) break;
    for (;;) {
      const at = Atomics.load(control, next);
      const first = Atomics.exchange(control, waiting + at, 0) >>> 0;
      if (first === 0) break;
      inTurn(first);
      taken.push(first);
      Atomics.store(control, next, (at + 1) % MAX_WAITING);
    }
    Atomics.store(control, lock, 0);
  }
  for (const ended of taken) end(ended);
  return taken.length;
}
