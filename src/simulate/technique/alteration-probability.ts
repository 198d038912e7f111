import { runPreCopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/**
 * Probability below which a page is sent at once, and above which it is sent last; in between, every second
 * round.
 */
const THRESHOLDS = [0.3, 0.7] as const;

/**
 * Pre-copy by alteration probability: the fraction of rounds in which a page was written. Two thresholds
 * decide whether the page is sent now, every second round, or last; they fall while pages are written faster
 * than they can be sent. A reconstruction: probability and thresholds are the paper's; their values and their
 * change are ours.
 */
export const alterationProbability: Technique = {
  name: 'alteration-probability',
  summary: 'sends a page now, every second round or last, by its alteration probability',
  reference: 'Tin-Yu Wu et al. 2013 [16]',
  migrate(migration) {
    const altered = new Uint16Array(migration.pages);
    let rounds = 0;
    let [low, high]: [number, number] = [...THRESHOLDS];
    return runPreCopy(migration, {
      deferReason(page, round) {
        if (rounds === 0) return undefined;
        const probability = altered[page]! / rounds;
        // A single round tells only whether a page was altered.
        if (rounds < 2 || probability < low) return undefined;
        if (probability > high) return 'likely to be altered';
        return round % 2 === 0 ? undefined : 'may be altered: sent every second round';
      },
      onRound(dirty) {
        rounds++;
        for (const page of dirty) altered[page]!++;
        const { pages, fromMs, toMs } = migration.round;
        const ratio = toMs > fromMs ? dirty.count / Math.max(1, pages) : 1;
        const scale = Math.min(1, Math.max(0.5, 1 / Math.max(ratio, 1e-6)));
        [low, high] = [THRESHOLDS[0] * scale, THRESHOLDS[1] * scale];
      },
      isDone: (remaining) => rounds >= 2 && remaining.every((page) => altered[page]! / rounds > high),
    });
  },
};
