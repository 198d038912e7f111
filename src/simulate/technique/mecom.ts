import { runPreCopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/**
 * MECOM: pre-copy with compression by class of page: many zero bytes, many words that match a small
 * dictionary, or neither. The classes are the paper's, the thresholds ours (strategy `mecom`).
 */
export const mecomPreCopy: Technique = {
  name: 'mecom',
  summary: 'compresses pages by class: zero-aware, WKdm, or LZ',
  reference: 'Jin et al., CLUSTER 2009 [12]',
  strategy: 'mecom',
  migrate: (migration) => runPreCopy(migration),
};
