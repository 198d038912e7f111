import type { PageBitmap } from '../../page/bitmap.js';
import type { Strategy } from '../../strategy/strategy.js';
import { precopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** Above this share of the page its log is given up, and the page sent whole. */
const LONGEST_LOG = 0.25;

/**
 * The log of a page's modifications, as the state it leaves: which bytes differ from what was sent, and to what (XBZRLE has the same
 * content as the log's records after they were put together by address).
 */
const logOrPage: Strategy = {
  name: 'log-records',
  choose: (page) =>
    page.hasVersion && page.measure('xbzrle') <= LONGEST_LOG * page.pageBytes ? 'xbzrle' : 'raw',
};

/**
 * Pages are sent that were not used lately, least recently used first; of those that were, records of what was modified travel in the
 * place of the page.
 *
 * A reconstruction: the LRU order and the log are the paper's; the log is bounded to a quarter of a page, and coalesced, by us.
 */
export const logRecords: Technique = {
  name: 'log-records',
  what: 'least recently written pages first; of others, records of what was modified',
  source: 'Mohan and Shine 2013 [8]',
  strategy: () => logOrPage,
  migrate(migration) {
    /** The round in which each page was written to last. */
    const lastWritten = new Uint16Array(migration.pages);
    return precopy(migration, {
      order: (pages) => leastRecent(pages, lastWritten),
      ended(dirty, round) {
        for (const page of dirty) lastWritten[page] = round;
      },
    });
  },
};

function leastRecent(pages: PageBitmap, lastWritten: Uint16Array): Iterable<number> {
  return [...pages].sort((a, b) => lastWritten[a]! - lastWritten[b]! || a - b);
}
