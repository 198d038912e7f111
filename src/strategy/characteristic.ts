import type { Strategy } from './strategy.js';

const ZERO_DOMINANT = 0.75;
const DICTIONARY_DOMINANT = 0.5;
const INCOMPRESSIBLE = 0.95;

/**
 * Codec choice of characteristic-based compression (Desai and Patel, CSNT 2015): zero-aware for pages of
 * mostly zero words, WKdm for pages whose words match a 16-entry dictionary, LZ4 for other compressible
 * pages, raw for the rest.
 * A reconstruction: the classes are the paper's, the thresholds are ours.
 */
export const characteristic: Strategy = {
  name: 'characteristic',
  choose({ profile, pageBytes }) {
    if (profile.zeroWords >= ZERO_DOMINANT * profile.words) return 'zero-aware';
    if (profile.dictionaryWords >= DICTIONARY_DOMINANT * profile.words) return 'wkdm';
    return profile.estimatedBytes < INCOMPRESSIBLE * pageBytes ? 'lz4' : 'raw';
  },
};
