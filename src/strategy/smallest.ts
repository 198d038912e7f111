import type { CodecName } from '../codec/registry.js';
import type { Strategy } from './strategy.js';

/** Codecs that can stand for a page alone, tried in this order: at equal size the cheaper decoder wins. */
const ALONE: readonly CodecName[] = ['rle', 'zero-aware', 'xbzrle', 'similar', 'wkdm'];
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
    for (const codec of ALONE) {
      const bytes = page.measure(codec);
      // Coded bytes are packed once more with their group: changes and runs still hold text and pointers.
      if (bytes * (state.hasZstd ? GROUP_SHARE : 1) < bestBytes) {
        best = codec;
        bestBytes = bytes * (state.hasZstd ? GROUP_SHARE : 1);
      }
    }
    return best;
  },
  isPackingLikely: () => true,
  pack: (_, state) => (state.hasZstd ? { name: 'zstd', level: LEVEL } : { name: 'lz4' }),
};
