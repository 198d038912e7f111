import { PageBitmap } from '../../page/bitmap.js';
import { finalCopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** Stop, copy, go on: what a live migration is measured against. Downtime and total time are the same. */
export const stopAndCopy: Technique = {
  name: 'stop-and-copy',
  what: 'stops the guest, copies all of it, and has it go on',
  source: 'the survey’s non-live migration',
  async migrate(migration) {
    migration.stop();
    await finalCopy(migration, {}, PageBitmap.full(migration.pages));
  },
};
