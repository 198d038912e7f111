import { PageBitmap } from '../../page/bitmap.js';
import { runPreCopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/**
 * The first phase ends when a scan finds at most this fraction of the memory clean again, or after this many
 * scans.
 */
const MIN_CLEAN = 1 / 1000;
const MAX_SCANS = 8;
/** Length of a scan, in ms, in which a page must not be written. */
const SCAN_MS = 100;

/**
 * Pre-copy with a second chance, in two phases. In the first, a written page is sent only if it was not
 * written again during the next scan; the second is ordinary pre-copy. A reconstruction: the second chance is
 * the paper's; the end of the first phase is ours.
 */
export const secondChance: Technique = {
  name: 'second-chance',
  summary: 'sends a written page only after a scan without a write',
  reference: 'Lin et al. 2012 [6]',
  migrate(migration) {
    const waiting = new PageBitmap(migration.pages);
    let isFirstPhase = true;
    return runPreCopy(migration, {
      minRoundMs: () => (isFirstPhase ? SCAN_MS : 0),
      deferReason: (page) =>
        isFirstPhase && waiting.has(page) ? 'waits for a scan without a write' : undefined,
      onRound(dirty, round) {
        let clean = 0;
        for (const page of waiting) if (!dirty.has(page)) clean++;
        if (round > 1 && (clean <= MIN_CLEAN * migration.pages || round > MAX_SCANS)) isFirstPhase = false;
        waiting.clear();
        waiting.addAll(dirty);
      },
    });
  },
};
