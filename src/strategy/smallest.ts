import { type CodecName, PAGE_CODECS } from '../codec/registry.js';
import type { PageView, Strategy, StreamState } from './strategy.js';

const LEVEL = 22;
/** A second level to try: it packs some small groups smaller than the highest level. */
const SECOND_LEVEL = 19;
/** Maximum bytes of a group that is packed at both levels. */
const MAX_RETRIED_BYTES = 8 << 20;
/** The largest window of zstd that every decoder accepts. */
const MAX_GROUP_BYTES = 128 << 20;
/** Level for live guests, whose pages would change faster than a higher level packs them. */
const LIVE_LEVEL = 9;
/** Bytes of zstd on a live guest's group, as a ratio of LZ4's on single pages. */
const LIVE_GROUP_RATIO = 0.75;

/**
 * The fewest bytes at any CPU cost. Packs pages in groups of up to 128 MiB with zstd's highest level and a
 * window of the whole group (LZ4 where there is no zstd). Codes a page with a page codec where that takes
 * fewer bytes than in the group; the engine tries both forms (`Choice` `best`). For live guests: zstd level 9
 * for batches, and page codecs compared by their own bytes.
 */
export const smallest: Strategy = {
  name: 'smallest',
  maxGroupBytes: MAX_GROUP_BYTES,
  maxZstdLevel: LEVEL,
  choose: (page, state) => (isLive(state) ? smallestCodec(page, state) : 'best'),
  groupBytes: () => MAX_GROUP_BYTES,
  pack(group, state) {
    if (!state.hasZstd) return { name: 'lz4' };
    if (isLive(state)) return { name: 'zstd', level: LIVE_LEVEL };
    if (group.bytes > MAX_RETRIED_BYTES) return { name: 'zstd', level: LEVEL };
    return { name: 'zstd', level: LEVEL, secondLevel: SECOND_LEVEL };
  },
};

/** Return whether the stream is that of a live guest: only streams of images have `progress`. */
function isLive({ progress }: StreamState): boolean {
  return progress === undefined;
}

function smallestCodec(page: PageView, { hasZstd }: StreamState): CodecName | 'group' {
  // Coded bytes are packed too, and shrink about as much: deltas and runs still contain text and pointers.
  const ratio = hasZstd ? LIVE_GROUP_RATIO : 1;
  let best: CodecName | 'group' = 'group';
  let bestBytes = Math.min(page.measure('lz4'), page.pageBytes) * ratio;
  // In the order of decoding time: at equal size the cheaper decoder wins.
  for (const { name } of PAGE_CODECS) {
    const bytes = page.measure(name) * ratio;
    if (bytes >= bestBytes) continue;
    best = name;
    bestBytes = bytes;
  }
  return best;
}
