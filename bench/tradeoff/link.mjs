// A link in this process, in real time: an output for the encoder, limited to the rates of a schedule.

/** Bytes that can be queued, as in a socket. */
const BUFFER_BYTES = 256 << 10;

/** Return a schedule of rates: `[{ untilMs, bitsPerSecond }]`, in order; the last has no end. */
export function schedule(steps) {
  const stepAt = (ms) => steps.find(({ untilMs = Infinity }) => ms < untilMs);
  return {
    bitsPerSecondAt: (ms) => stepAt(ms).bitsPerSecond,
    /** Return the time at which `bytes` bytes are sent, if sending starts at `fromMs`. */
    sentAt(bytes, fromMs) {
      let bits = 8 * bytes;
      for (let at = fromMs; ; ) {
        const { untilMs = Infinity, bitsPerSecond } = stepAt(at);
        const inStep = ((untilMs - at) * bitsPerSecond) / 1000;
        if (bits <= inStep) return at + (1000 * bits) / bitsPerSecond;
        bits -= inStep;
        at = untilMs;
      }
    },
    /** Return the bytes that can be sent between two times. */
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
 * Create a link. `send(bytes)` resolves when the unsent bytes fit the buffer: back-pressure, as of a socket.
 * Idle time is lost. `clock`: `{ now() in ms, until(ms) }`.
 */
export function createLink(rates, clock, bufferBytes = BUFFER_BYTES) {
  const startedAt = clock.now();
  const now = () => clock.now() - startedAt;
  let freeAt = 0;
  return {
    now,
    bitsPerSecond: () => rates.bitsPerSecondAt(now()),
    /** Time at which everything accepted is sent, in ms from the start. */
    get freeAtMs() {
      return freeAt;
    },
    async send(bytes) {
      const from = now();
      const waiting = rates.bytesWithin(from, freeAt);
      freeAt = rates.sentAt(bytes, Math.max(from, freeAt));
      const over = waiting + bytes - bufferBytes;
      if (over > 0) await clock.until(startedAt + rates.sentAt(over, from));
    },
  };
}

/** Timers are accurate to a millisecond; the rest of a wait polls with setImmediate, without blocking. */
const TIMER_MS = 1.5;

export const realTime = {
  now: () => performance.now(),
  async until(ms) {
    for (let remaining = ms - performance.now(); remaining > 0; remaining = ms - performance.now())
      await new Promise((resolve) =>
        remaining > TIMER_MS ? setTimeout(resolve, remaining - TIMER_MS) : setImmediate(resolve),
      );
  },
};
