import type { Strategy } from './strategy.js';

const ZERO_BYTES = 0.75;
const SIMILAR_WORDS = 0.5;
const PAYS = 0.95;

/**
 * MECOM (Jin et al., CLUSTER 2009): many zero bytes: record what is not zero; words that match a 16-entry dictionary: WKdm; low
 * similarity: an LZ coder (LZO there, LZ4 here); raw where that leaves 95 % or more. A reconstruction: the three classes are the
 * paper's, the thresholds ours.
 */
export const mecom: Strategy = {
  name: 'mecom',
  choose(page) {
    const { profile, pageBytes } = page;
    if (profile.zeroBytes >= ZERO_BYTES * pageBytes && page.measure('zero-aware') < PAYS * pageBytes)
      return 'zero-aware';
    // Zero words are dictionary words too in WKdm's eyes: a tag says so.
    const matched = profile.dictionaryWords + profile.zeroWords;
    if (matched >= SIMILAR_WORDS * profile.words && page.measure('wkdm') < PAYS * pageBytes) return 'wkdm';
    return profile.estimatedBytes < PAYS * pageBytes ? 'lz4' : 'raw';
  },
};
