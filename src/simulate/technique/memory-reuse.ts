import { changedSinceVisit } from '../first-pages.js';
import { runPreCopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** Bytes of a generation number; one for each page is sent first. */
const GENERATION_BYTES = 4;

/**
 * MiyakoDori: a host keeps the memory of a guest that leaves, with a generation number for each page that
 * rises with every write. When the guest returns, pages of the same generation are not sent. On a first visit
 * it is plain pre-copy.
 * The idea is the paper's. Here generations are equal when the bytes are, so a page that was written and
 * restored counts as reusable (VeCycle found that contents reuse more than generations).
 */
export const memoryReuse: Technique = {
  name: 'memory-reuse',
  summary: 'sends only pages that changed since the guest left the destination host (MiyakoDori)',
  reference: 'Akiyama et al., CLOUD 2012 [7]',
  migrate: (migration) =>
    runPreCopy(migration, { firstPages: () => changedSinceVisit(migration, GENERATION_BYTES) }),
};
