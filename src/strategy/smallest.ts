import { type CodecName, PAGE_CODECS } from '../codec/registry.js';
import type { Strategy } from './strategy.js';

/** Ratio of zstd on a group to LZ4 on single pages: zstd sees the group and codes entropy. */
const GROUP_RATIO = 0.75;
const LEVEL = 9;

/**
 * Tries every codec on every page and takes the smallest result. Groups are packed with zstd level 9, or LZ4
 * where zstd is not available. For the fewest bytes at any CPU cost.
 */
export const smallest: Strategy = {
  name: 'smallest',
  choose(page, state) {
    const lz4Bytes = Math.min(page.measure('lz4'), page.pageBytes);
    let best: CodecName | 'group' = 'group';
    let bestBytes = state.hasZstd ? lz4Bytes * GROUP_RATIO : lz4Bytes;
    // In the order of decoding time: at equal size the cheaper decoder wins.
    for (const { name } of PAGE_CODECS) {
      const bytes = page.measure(name);
      // Coded bytes are packed with their group: changes and runs still contain text and pointers.
      if (bytes * (state.hasZstd ? GROUP_RATIO : 1) < bestBytes) {
        best = name;
        bestBytes = bytes * (state.hasZstd ? GROUP_RATIO : 1);
      }
    }
    return best;
  },
  isPackingLikely: () => true,
  pack: (_, state) => (state.hasZstd ? { name: 'zstd', level: LEVEL } : { name: 'lz4' }),
};
