import type { Strategy } from './strategy.js';

const ZERO_DOMINANT = 0.75;
const DICTIONARY_DOMINANT = 0.5;
const INCOMPRESSIBLE = 0.95;

/**
 * Characteristic-based compression (Desai and Patel, CSNT 2015), its codec half: pages that are mostly zero words get the zero
 * bitmap, pages whose words match a 16-entry dictionary WKdm, other compressible pages LZ4, the rest goes raw. A reconstruction:
 * the classes are the paper's, the thresholds ours.
 */
export const characteristic: Strategy = {
  name: 'characteristic',
  choose({ profile, pageBytes }) {
    if (profile.zeroWords >= ZERO_DOMINANT * profile.words) return 'zero-aware';
    if (profile.dictionaryWords >= DICTIONARY_DOMINANT * profile.words) return 'wkdm';
    return profile.estimatedBytes < INCOMPRESSIBLE * pageBytes ? 'lz4' : 'raw';
  },
};
