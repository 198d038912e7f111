// Recorded migrations of a real QEMU 7.2 (emulation, 128 MiB, the guest of guest-checker.c in mode fill: 8000
// writes a second to 4096 pages; max-bandwidth 20 MB/s), as its agent saw them. With a limit of 250 ms the
// migration had not ended after 35 looks at the dirty bitmap; with 350 ms it ended after 31.

import { describe, expect, test } from 'vitest';
import { forecast, MAX_LIMIT_FRACTION } from '../../../src/agent/forecast/forecast.js';
import type { DirtySample } from '../../../src/agent/qmp/reports.js';

/** By round: ms, pages, pages that repeat one byte, QEMU's looks so far, pages that remained. */
type RecordedRound = readonly [number, number, number, number, number];

const GUEST_PAGES = 32_900;
/** Between the limits with which the guest did not converge and did. */
const [TOO_SHORT_MS, ENOUGH_MS] = [250, 350];
const RUNS: { readonly limitMs: number; readonly rounds: readonly RecordedRound[] }[] = [
  {
    limitMs: 100,
    rounds: [
      [6362, 32900, 14590, 2, 4000],
      [1188, 4226, 0, 3, 2870],
      [761, 3777, 0, 4, 2475],
      [957, 3419, 0, 5, 1896],
      [937, 3341, 0, 6, 1669],
      [1131, 3421, 0, 7, 1851],
    ],
  },
  {
    limitMs: 250,
    rounds: [
      [4844, 32900, 14577, 2, 3875],
      [928, 4177, 0, 3, 2081],
      [743, 3379, 0, 5, 2859],
      [756, 3045, 0, 6, 2774],
      [840, 3372, 0, 7, 1733],
      [888, 3119, 0, 9, 2790],
      [671, 3320, 0, 10, 1029],
      [836, 3228, 1, 12, 1981],
      [769, 3141, 0, 13, 1101],
      [721, 3143, 0, 15, 1702],
      [655, 3146, 0, 17, 2234],
      [615, 2981, 0, 18, 1282],
      [726, 2809, 0, 20, 2250],
      [663, 2896, 0, 21, 1432],
      [628, 2705, 0, 23, 2425],
      [568, 3172, 0, 24, 1234],
      [597, 2787, 0, 26, 1636],
      [608, 2990, 0, 28, 1475],
      [635, 2975, 0, 30, 1475],
      [596, 3004, 0, 32, 1501],
      [613, 2955, 0, 34, 1465],
    ],
  },
  {
    limitMs: 350,
    rounds: [
      [7050, 32900, 14584, 2, 3631],
      [1005, 4159, 0, 3, 2097],
      [826, 3704, 0, 5, 2050],
      [739, 3490, 0, 8, 2058],
      [691, 3178, 0, 11, 1390],
      [666, 3087, 0, 14, 1409],
      [608, 3037, 0, 17, 1242],
      [620, 2989, 0, 22, 1666],
      [609, 2988, 0, 27, 1635],
    ],
  },
];

/** The forecast after each round but the first, which has no dirty rate to go by but what remains. */
function forecasts({ limitMs, rounds }: (typeof RUNS)[number]) {
  const dirty: DirtySample[] = [];
  let looksBefore = 1;
  return rounds.map(([ms, pages, , looks, remaining], i) => {
    const before = rounds[i - 1];
    if (before) dirty.push({ ms: before[0], pages });
    if (looks - looksBefore <= 1 && limitMs <= MAX_LIMIT_FRACTION * ms) dirty.push({ ms, pages: remaining });
    looksBefore = looks;
    const facts = rounds
      .slice(0, i + 1)
      .map(([ms, pages, fills]) => ({ ms, pages, fills, wireBytes: 1000 * pages }));
    const current = { ms: 0, pages: 0, fills: 0, wireBytes: 0 };
    return forecast({ guestPages: GUEST_PAGES, rounds: facts, current, dirty, downtimeLimitMs: limitMs });
  });
}

describe.each(RUNS)('a real run with a downtime limit of $limitMs ms', (run) => {
  // Two periods of different length have to be known: two rounds, and the next.
  const known = forecasts(run).slice(2);

  test('the downtime that it needs is never below one with which QEMU did not end, nor twice that with which it did', () => {
    for (const { neededDowntimeMs } of known) {
      expect(neededDowntimeMs).toBeGreaterThan(TOO_SHORT_MS);
      expect(neededDowntimeMs).toBeLessThan(2.2 * ENOUGH_MS);
    }
  });

  test('it converges within a limit that is too short in no forecast', () => {
    for (const { converges } of known) if (run.limitMs <= TOO_SHORT_MS) expect(converges).toBe(false);
  });
});

test('after many rounds the downtime that is needed is right within 20 %', () => {
  const last = forecasts(RUNS.find(({ limitMs }) => limitMs === TOO_SHORT_MS)!).slice(-5);
  for (const { neededDowntimeMs } of last) {
    expect(neededDowntimeMs).toBeGreaterThan(TOO_SHORT_MS);
    expect(neededDowntimeMs).toBeLessThan(1.2 * ENOUGH_MS);
  }
});
