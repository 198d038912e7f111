import type { Strategy } from '../../strategy/strategy.js';
import { precopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** Above this share of the page, a difference is not worth it. */
const PAYS = 0.5;

const differenceOrRle: Strategy = {
  name: 'mdd',
  choose: (page) => (page.hasSimilar && page.measure('similar') < PAYS * page.pageBytes ? 'similar' : 'rle'),
};

/**
 * Migration with data deduplication: fingerprints find pages that are the same as one that was sent, or similar to it; of the first a
 * reference travels, of the second the run-length encoded difference.
 *
 * The idea is the paper's; sketches, thresholds and a bounded table that forgets the oldest are ours.
 */
export const mdd: Technique = {
  name: 'mdd',
  what: 'deduplicates: references to identical pages, differences to similar ones',
  source: 'Zhang et al., CLUSTER 2010 [15]',
  strategy: () => differenceOrRle,
  dedup: 'similar',
  migrate: (migration) => precopy(migration),
};
