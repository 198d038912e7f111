import { PageBitmap } from '../../page/bitmap.js';
import { precopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** The first phase ends when a scan finds this share of the memory or less to be clean again, or after so many scans. */
const FEW = 1 / 1000;
const SCANS = 8;
/** A page has so long to prove that it is left alone. */
const SCAN_MS = 100;

/**
 * Two phases, the first with a second chance: a page that was found written to is not sent at once; it is sent when the next scan
 * finds that it was not written to since. The second phase is ordinary pre-copy.
 *
 * A reconstruction: the second chance is the paper's, when the first phase ends is ours.
 */
export const secondChance: Technique = {
  name: 'second-chance',
  what: 'sends a page that was written to only once it was left alone for a scan',
  source: 'Lin et al. 2012 [6]',
  migrate(migration) {
    const waiting = new PageBitmap(migration.pages);
    let firstPhase = true;
    return precopy(migration, {
      leastRoundMs: () => (firstPhase ? SCAN_MS : 0),
      leave: (page) => (firstPhase && waiting.has(page) ? 'waits for its second chance' : undefined),
      ended(dirty, round) {
        let clean = 0;
        for (const page of waiting) if (!dirty.has(page)) clean++;
        if (round > 1 && (clean <= FEW * migration.pages || round > SCANS)) firstPhase = false;
        waiting.clear();
        waiting.addAll(dirty);
      },
    });
  },
};
