import { type CodecName, PAGE_CODECS } from '../codec/registry.js';
import type { Strategy } from './strategy.js';

/** zstd reaches about this share of what LZ4 leaves of a page alone, because it sees the group and codes entropy. */
const GROUP_SHARE = 0.75;
const LEVEL = 9;

/**
 * Tries every codec on every page and takes the one with the fewest bytes; whatever is left to the group is packed by zstd
 * level 9, or LZ4 where there is no zstd. For bytes at any price of time.
 */
export const smallest: Strategy = {
  name: 'smallest',
  choose(page, state) {
    const lz4Bytes = Math.min(page.measure('lz4'), page.pageBytes);
    let best: CodecName | 'group' = 'group';
    let bestBytes = state.hasZstd ? lz4Bytes * GROUP_SHARE : lz4Bytes;
    // In the order of decoding time: of equal sizes the cheaper decoder's is taken.
    for (const { name } of PAGE_CODECS) {
      const bytes = page.measure(name);
      // Coded bytes are packed once more with their group: changes and runs still hold text and pointers.
      if (bytes * (state.hasZstd ? GROUP_SHARE : 1) < bestBytes) {
        best = name;
        bestBytes = bytes * (state.hasZstd ? GROUP_SHARE : 1);
      }
    }
    return best;
  },
  isPackingLikely: () => true,
  pack: (_, state) => (state.hasZstd ? { name: 'zstd', level: LEVEL } : { name: 'lz4' }),
};
