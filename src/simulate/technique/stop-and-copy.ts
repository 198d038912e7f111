import { PageBitmap } from '../../page/bitmap.js';
import { runFinalRound } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** Migration of a stopped guest: downtime and total time are the same. */
export const stopAndCopy: Technique = {
  name: 'stop-and-copy',
  summary: 'stops the guest, copies all of its memory and resumes it',
  reference: 'the survey’s non-live migration',
  async migrate(migration) {
    migration.stop();
    await runFinalRound(migration, {}, PageBitmap.full(migration.pages));
  },
};
