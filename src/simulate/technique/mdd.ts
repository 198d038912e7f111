import type { Strategy } from '../../strategy/strategy.js';
import { runPreCopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** Maximum ratio of a difference. */
const MAX_DELTA_RATIO = 0.5;

const differenceOrRle: Strategy = {
  name: 'mdd',
  choose: (page) =>
    page.hasSimilar && page.measure('similar') < MAX_DELTA_RATIO * page.pageBytes ? 'similar' : 'rle',
};

/**
 * Migration with data deduplication: fingerprints find pages that equal or resemble a page sent before. A
 * reference is sent for the first, the run-length encoded difference for the second.
 * The idea is the paper's; sketches, thresholds and a bounded table that drops its oldest entries are ours.
 */
export const mdd: Technique = {
  name: 'mdd',
  summary: 'sends references to duplicate pages and differences to similar pages',
  reference: 'Zhang et al., CLUSTER 2010 [15]',
  strategy: () => differenceOrRle,
  dedup: 'similar',
  migrate: (migration) => runPreCopy(migration),
};
