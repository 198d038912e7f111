import { precopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/**
 * MECOM: pre-copy whose pages are compressed by kind: many zero bytes, many words that match a small dictionary, or few of either.
 * The classes are the paper's, the thresholds ours (`mecom` among the strategies).
 */
export const mecomPreCopy: Technique = {
  name: 'mecom',
  what: 'compresses pages by kind: zero-aware, WKdm, or LZ',
  source: 'Jin et al., CLUSTER 2009 [12]',
  strategy: 'mecom',
  migrate: (migration) => precopy(migration),
};
