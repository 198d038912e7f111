import { changedSinceVisit } from '../first-pages.js';
import { precopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** A generation number for each page travels first, so that both sides know which pages are the same. */
const GENERATION_BYTES = 4;

/**
 * MiyakoDori: a host keeps the memory of a guest that leaves it, with a generation number for each page that rises when the page is
 * written to; when the guest comes back, pages of the same generation are not sent. On a first visit it is plain pre-copy.
 *
 * The idea is the paper's. Here a generation is held to be the same when the bytes are: a page that was written to and back counts as
 * reusable, which the paper's numbers cannot see (VeCycle found that contents find more).
 */
export const memoryReuse: Technique = {
  name: 'memory-reuse',
  what: 'sends only what changed since the guest left this host before (MiyakoDori)',
  source: 'Akiyama et al., CLOUD 2012 [7]',
  migrate: (migration) => precopy(migration, { first: () => changedSinceVisit(migration, GENERATION_BYTES) }),
};
