import { precopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** Below the first, a page is sent at once; above the second, in the last round; between, every second round. */
const THRESHOLDS = [0.3, 0.7] as const;

/**
 * The probability that a page is altered, from how many of the rounds so far it was: two thresholds decide whether it is sent now,
 * every second round, or last. They fall where pages are written to faster than they can be sent.
 *
 * A reconstruction: probability and thresholds are the paper's, their values and how they move ours.
 */
export const alterationProbability: Technique = {
  name: 'alteration-probability',
  what: 'sends a page now, every second round or last, by how probable it is that it changes',
  source: 'Tin-Yu Wu et al. 2013 [16]',
  migrate(migration) {
    const altered = new Uint16Array(migration.pages);
    let rounds = 0;
    let [low, high]: [number, number] = [...THRESHOLDS];
    return precopy(migration, {
      leave(page, round) {
        if (rounds === 0) return undefined;
        const probability = altered[page]! / rounds;
        // After a single round all that is known is whether it was altered.
        if (rounds < 2 || probability < low) return undefined;
        if (probability > high) return 'will probably be altered';
        return round % 2 === 0 ? undefined : 'may be altered: every second round';
      },
      ended(dirty) {
        rounds++;
        for (const page of dirty) altered[page]!++;
        const { pages, fromMs, toMs } = migration.round;
        const ratio = toMs > fromMs ? dirty.count / Math.max(1, pages) : 1;
        const scale = Math.min(1, Math.max(0.5, 1 / Math.max(ratio, 1e-6)));
        [low, high] = [THRESHOLDS[0] * scale, THRESHOLDS[1] * scale];
      },
      enough: (left) => rounds >= 2 && left.every((page) => altered[page]! / rounds > high),
    });
  },
};
