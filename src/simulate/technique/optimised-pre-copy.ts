import { runPreCopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** Consecutive rounds with a write after which a page is sent last. */
const MAX_STREAK = 2;

/**
 * Optimised pre-copy with characteristic-based compression: pages written in consecutive rounds are sent in
 * the last one, and a page's codec follows from its words: zero-dominant, regular (WKdm), weakly regular
 * (LZ), or none.
 * A reconstruction: the combination is the paper's; the rule of two rounds and the thresholds are ours.
 */
export const optimisedPreCopy: Technique = {
  name: 'optimised-pre-copy',
  summary: 'sends repeatedly written pages in the last round, and compresses by characteristic',
  reference: 'Desai and Patel, CSNT 2015 [3]',
  strategy: 'characteristic',
  migrate(migration) {
    const streak = new Uint8Array(migration.pages);
    return runPreCopy(migration, {
      deferReason: (page) => (streak[page]! >= MAX_STREAK ? 'written in consecutive rounds' : undefined),
      onRound(dirty) {
        for (let page = 0; page < streak.length; page++)
          streak[page] = dirty.has(page) ? Math.min(255, streak[page]! + 1) : 0;
      },
      isDone: (remaining) => remaining.every((page) => streak[page]! >= MAX_STREAK),
    });
  },
};
