import type { PageBitmap } from '../../page/bitmap.js';
import { precopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** Samples of the dirty log that are remembered, and how much more often a page may be in them with each round. */
const SAMPLES = 8;
const FIRST_LIMIT = 1;
const ROUNDS_A_STEP = 2;
const SLOT_MS = 50;

/**
 * A matrix of the last dirty bitmaps, one row a sample: pages whose column has more ones than a limit are left for later; the limit
 * rises as the rounds go on, and what is above it at the end travels in the last round.
 *
 * A reconstruction: matrix and rising limit are the paper's, which samples in slots of time; here a slot is a round of at least
 * 50 ms, and the constants are ours.
 */
export const bitmapMatrix: Technique = {
  name: 'bitmap-matrix',
  what: 'leaves pages for later that a matrix of past dirty bitmaps shows to be hot',
  source: 'Cui et al. 2010 [13]',
  migrate(migration) {
    const samples: PageBitmap[] = [];
    const heat = new Uint8Array(migration.pages);
    let limit = FIRST_LIMIT;
    return precopy(migration, {
      leastRoundMs: () => SLOT_MS,
      leave: (page) => (heat[page]! > limit ? 'hot in the matrix' : undefined),
      ended(dirty, round) {
        samples.push(dirty);
        for (const page of dirty) heat[page]!++;
        if (samples.length > SAMPLES) for (const page of samples.shift()!) heat[page]!--;
        limit = Math.min(SAMPLES - 1, FIRST_LIMIT + Math.floor(round / ROUNDS_A_STEP));
      },
      enough: (left) => left.every((page) => heat[page]! > limit),
    });
  },
};
