import type { Strategy } from './strategy.js';

const MIN_ZERO_BYTES = 0.75;
const MIN_DICTIONARY_WORDS = 0.5;
const MAX_RATIO = 0.95;

/**
 * MECOM (Jin et al., CLUSTER 2009): zero-aware for pages of mostly zero bytes, WKdm for words that match a
 * 16-entry dictionary, an LZ codec (LZO in the paper, LZ4 here) otherwise; raw above a ratio of 0.95. A
 * reconstruction: the three classes are the paper's, the thresholds are ours.
 */
export const mecom: Strategy = {
  name: 'mecom',
  choose(page) {
    const { profile, pageBytes } = page;
    const maxBytes = MAX_RATIO * pageBytes;
    if (profile.zeroBytes >= MIN_ZERO_BYTES * pageBytes && page.measure('zero-aware') < maxBytes)
      return 'zero-aware';
    // WKdm codes a zero word by its tag alone, so zero words count as matches.
    const matched = profile.dictionaryWords + profile.zeroWords;
    if (matched >= MIN_DICTIONARY_WORDS * profile.words && page.measure('wkdm') < maxBytes) return 'wkdm';
    return profile.estimatedBytes < maxBytes ? 'lz4' : 'raw';
  },
};
