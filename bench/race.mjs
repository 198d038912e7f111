// Compares contestants that do the same work: they take turns, in another order each round, so that other
// load on the machine affects all alike. A sample repeats a run until it takes `minMs`, so that the clock's
// resolution does not matter.
import { Bench } from 'tinybench';

/** Clocks, in milliseconds: wall time, or CPU time of all threads of the process. */
export const CLOCKS = {
  wall: () => performance.now(),
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
};

/**
 * Race contestants `{ name, run(), bytes or count per run, before?() }`. `before` is called before every
 * sample, which is then a single run, and is not timed. A contestant with `ownClock` returns the milliseconds
 * from `run`; it gets one warm-up run unless `warmUp` is false. A run should take some microseconds, because
 * it is called through a closure. Returns, in the given order, `{ name, medianMs per run, spread
 * (interquartile range / median), perSecond (bytes or counts) }`.
 */
export async function race(contestants, { rounds, minMs = 2, clock = 'wall', seed = 1, warmUp = true }) {
  const now = CLOCKS[clock];
  const lanes = [];
  for (const contestant of contestants) {
    const lane = { contestant, repeats: 1, samples: [] };
    if (warmUp) lane.repeats = await repeatsFor(lane, minMs, now);
    lanes.push(lane);
  }
  const order = shuffler(seed);
  for (let round = 0; round < rounds; round++) {
    const bench = new Bench({ time: 0, iterations: 1, warmup: false });
    for (const lane of order(lanes)) {
      bench.add(lane.contestant.name, async () => {
        const ms = await sample(lane, now);
        lane.samples.push(ms);
        return { overriddenDuration: ms };
      });
    }
    await bench.run();
    const failed = bench.tasks.find(({ result }) => result.state === 'errored');
    if (failed) throw failed.result.error;
  }
  return lanes.map(({ contestant, samples }) => {
    const medianMs = median(samples);
    const amount = contestant.bytes ?? contestant.count ?? 1;
    return {
      name: contestant.name,
      medianMs,
      spread: spread(samples),
      perSecond: (amount * 1000) / medianMs,
    };
  });
}

/** Return the median; of an even number of values the mean of the middle two. */
export function median(values) {
  return quantile(values, 0.5);
}

/** Return a seeded function that returns a shuffled copy of a list. */
export function shuffler(seed) {
  let state = seed;
  return (list) => {
    const result = [...list];
    for (let i = result.length - 1; i > 0; i--) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const j = Math.floor((state / 2 ** 32) * (i + 1));
      [result[i], result[j]] = [result[j], result[i]];
    }
    return result;
  };
}

function spread(values) {
  return (quantile(values, 0.75) - quantile(values, 0.25)) / median(values);
}

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

/** Return the milliseconds per run of one sample. */
async function sample({ contestant, repeats }, now) {
  contestant.before?.();
  if (contestant.ownClock) return await contestant.run();
  const from = now();
  for (let i = 0; i < repeats; i++) {
    const result = contestant.run();
    if (result instanceof Promise) await result;
  }
  return (now() - from) / repeats;
}

/** Warm up until three samples took `minMs`; return the runs per sample of `minMs`. */
async function repeatsFor(lane, minMs, now) {
  let repeats = 1;
  if (lane.contestant.before || lane.contestant.ownClock) {
    await sample(lane, now);
    return 1;
  }
  for (let warm = 0; warm < 3; ) {
    const ms = await sample({ ...lane, repeats }, now);
    if (ms * repeats >= minMs) warm++;
    if (ms * repeats >= 50 * minMs) break;
    // The clock did not advance: double the count.
    repeats = ms > 0 ? Math.min(Math.max(1, Math.ceil(minMs / ms)), 16 * repeats) : 2 * repeats;
  }
  return repeats;
}
