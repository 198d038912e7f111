import type { PageBitmap } from '../../page/bitmap.js';
import { runPreCopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** Dirty bitmaps in the matrix; the initial limit on a page's ones, and rounds per step of the limit. */
const SAMPLES = 8;
const FIRST_LIMIT = 1;
const ROUNDS_PER_STEP = 2;
const SLOT_MS = 50;

/**
 * A matrix of the last dirty bitmaps, one row a sample. Pages whose column has more ones than a limit are
 * deferred; the limit rises with the rounds, and pages above it at the end are sent in the last round.
 * A reconstruction: matrix and rising limit are the paper's, which samples in time slots. Here a slot is a
 * round of at least 50 ms, and the constants are ours.
 */
export const bitmapMatrix: Technique = {
  name: 'bitmap-matrix',
  summary: 'defers pages that are hot in a matrix of past dirty bitmaps',
  reference: 'Cui et al. 2010 [13]',
  migrate(migration) {
    const samples: PageBitmap[] = [];
    const heat = new Uint8Array(migration.pages);
    let limit = FIRST_LIMIT;
    return runPreCopy(migration, {
      minRoundMs: () => SLOT_MS,
      deferReason: (page) => (heat[page]! > limit ? 'hot in the matrix' : undefined),
      onRound(dirty, round) {
        samples.push(dirty);
        for (const page of dirty) heat[page]!++;
        if (samples.length > SAMPLES) for (const page of samples.shift()!) heat[page]!--;
        limit = Math.min(SAMPLES - 1, FIRST_LIMIT + Math.floor(round / ROUNDS_PER_STEP));
      },
      isDone: (remaining) => remaining.every((page) => heat[page]! > limit),
    });
  },
};
