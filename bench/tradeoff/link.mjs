// A link in this process, in real time: an output for the encoder that takes bytes no faster than a schedule
// allows.

/** What may wait to be sent, as in a socket. */
const BUFFER_BYTES = 256 << 10;

/** Rates over time: `[{ untilMs, bitsPerSecond }]`, in order; the last has no end. */
export function schedule(steps) {
  const stepAt = (ms) => steps.find(({ untilMs = Infinity }) => ms < untilMs);
  return {
    bitsPerSecondAt: (ms) => stepAt(ms).bitsPerSecond,
    /** When the last of some bytes has gone whose first may go at `fromMs`. */
    goneAt(bytes, fromMs) {
      let bits = 8 * bytes;
      for (let at = fromMs; ; ) {
        const { untilMs = Infinity, bitsPerSecond } = stepAt(at);
        const inStep = ((untilMs - at) * bitsPerSecond) / 1000;
        if (bits <= inStep) return at + (1000 * bits) / bitsPerSecond;
        bits -= inStep;
        at = untilMs;
      }
    },
    /** Bytes that can go in between. */
    bytesWithin(fromMs, toMs) {
      let bits = 0;
      for (let at = fromMs; at < toMs; ) {
        const { untilMs = Infinity, bitsPerSecond } = stepAt(at);
        const end = Math.min(untilMs, toMs);
        bits += ((end - at) * bitsPerSecond) / 1000;
        at = end;
      }
      return bits / 8;
    },
  };
}

/**
 * A link that sends while it has something to send; time in which it had nothing is lost. `send(bytes)`
 * resolves once what waits fits the buffer again: that is the back-pressure. `clock`: `{ now() in ms,
 * until(ms) }`.
 */
export function createLink(rates, clock, bufferBytes = BUFFER_BYTES) {
  const startedAt = clock.now();
  const now = () => clock.now() - startedAt;
  let freeAt = 0;
  return {
    now,
    bitsPerSecond: () => rates.bitsPerSecondAt(now()),
    /** When all that was given to it has gone, in ms from its start. */
    get freeAtMs() {
      return freeAt;
    },
    async send(bytes) {
      const from = now();
      const waiting = rates.bytesWithin(from, freeAt);
      freeAt = rates.goneAt(bytes, Math.max(from, freeAt));
      const over = waiting + bytes - bufferBytes;
      if (over > 0) await clock.until(startedAt + rates.goneAt(over, from));
    },
  };
}

/** Timers are good to a millisecond; the rest is waited for turn by turn, so that others go on. */
const TIMER_MS = 1.5;

export const realTime = {
  now: () => performance.now(),
  async until(ms) {
    for (let left = ms - performance.now(); left > 0; left = ms - performance.now())
      await new Promise((resolve) =>
        left > TIMER_MS ? setTimeout(resolve, left - TIMER_MS) : setImmediate(resolve),
      );
  },
};
