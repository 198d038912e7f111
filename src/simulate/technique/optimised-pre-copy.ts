import { precopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** A page that was written to in so many rounds in a row is left for the last one. */
const IN_A_ROW = 2;

/**
 * Optimised pre-copy with characteristic-based compression: pages that are written to round after round are left for the last one, and
 * a page's codec follows from its words: zero-dominant, regular (WKdm), weakly regular (LZ), or none.
 *
 * A reconstruction: that both are combined is the paper's, the rule of two rounds and the thresholds ours.
 */
export const optimisedPreCopy: Technique = {
  name: 'optimised-pre-copy',
  what: 'leaves pages that are written to again and again for the last round, and compresses by characteristic',
  source: 'Desai and Patel, CSNT 2015 [3]',
  strategy: 'characteristic',
  migrate(migration) {
    const inARow = new Uint8Array(migration.pages);
    return precopy(migration, {
      leave: (page) => (inARow[page]! >= IN_A_ROW ? 'written to round after round' : undefined),
      ended(dirty) {
        for (let page = 0; page < inARow.length; page++)
          inARow[page] = dirty.has(page) ? Math.min(255, inARow[page]! + 1) : 0;
      },
      enough: (left) => left.every((page) => inARow[page]! >= IN_A_ROW),
    });
  },
};
