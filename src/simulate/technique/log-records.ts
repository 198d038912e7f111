import type { PageBitmap } from '../../page/bitmap.js';
import type { Strategy } from '../../strategy/strategy.js';
import { runPreCopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** Above this ratio the page is sent whole instead of its log. */
const MAX_LOG_RATIO = 0.25;

/**
 * The log of a page's modifications, coalesced: the bytes that differ from the version sent before (XBZRLE
 * has the same content).
 */
const logOrPage: Strategy = {
  name: 'log-records',
  choose: (page) =>
    page.hasVersion && page.measure('xbzrle') <= MAX_LOG_RATIO * page.pageBytes ? 'xbzrle' : 'raw',
};

/**
 * Pre-copy in the order of the last write, least recent first; records of the modifications replace the
 * content of pages that were sent before. A reconstruction: LRU order and log are the paper's; the log is
 * coalesced and limited to a quarter of a page by us.
 */
export const logRecords: Technique = {
  name: 'log-records',
  summary: 'sends least recently written pages first, and modification records of the others',
  reference: 'Mohan and Shine 2013 [8]',
  strategy: () => logOrPage,
  migrate(migration) {
    /** Round of each page's last write. */
    const lastWritten = new Uint16Array(migration.pages);
    return runPreCopy(migration, {
      order: (pages) => leastRecent(pages, lastWritten),
      onRound(dirty, round) {
        for (const page of dirty) lastWritten[page] = round;
      },
    });
  },
};

function leastRecent(pages: PageBitmap, lastWritten: Uint16Array): Iterable<number> {
  return [...pages].sort((a, b) => lastWritten[a]! - lastWritten[b]! || a - b);
}
