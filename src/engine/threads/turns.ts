// What the jobs of an image do in the image's order, although threads run them side by side: a job whose turn
// has not come leaves its last part to the thread that runs the job before it.

import type { Slots } from '../../kernels/arena.js';

/** Jobs whose turn has not come, at most: more than there are chunks. */
const MAX_WAITING = 1024;

/** Words: 1 while a thread runs last parts, the turn that comes next, and the jobs that wait, by turn. */
const TURNS = { LOCK: 0, NEXT: 16, WAITING: 32 } as const;

/** Gives turns to the jobs of a stream, on the thread that starts them. */
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
 * Call `inTurn` for the job at `job`, and for those after it that wait, once it was called for all before
 * them; then call `end` for each, which threads do side by side. Return how many ended; 0: the thread whose
 * turn is before ends this job too.
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
    // The thread that has the lock looks again after it has released it.
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
