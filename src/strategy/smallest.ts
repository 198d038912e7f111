import { type CodecName, PAGE_CODECS } from '../codec/registry.js';
import type { PageView, Strategy, StreamState } from './strategy.js';

const LEVEL = 22;
/** Packs some small groups smaller than the highest level does. */
const SECOND_LEVEL = 19;
const MAX_RETRIED_BYTES = 8 << 20;
/** As much as the largest window of zstd that every decoder accepts. */
const MAX_GROUP_BYTES = 128 << 20;
/** A live guest does not wait: its pages would change faster than they are packed. */
const LIVE_LEVEL = 9;
/** Ratio of zstd on a live guest's group to LZ4 on single pages: zstd sees the group and codes entropy. */
const LIVE_GROUP_RATIO = 0.75;

/**
 * The fewest bytes at any CPU cost. Pages are packed in groups of up to 128 MiB with zstd's highest level and
 * a window of the whole group (LZ4 where zstd is not available). Pages that take fewer bytes coded alone, or
 * as changes, than in their group are coded: some of each kind are packed in both forms. Batches of a live
 * guest are packed with zstd level 9, and page codecs are compared by their own bytes.
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

/** Only streams of images have a progress. */
function isLive({ progress }: StreamState): boolean {
  return progress === undefined;
}

function smallestCodec(page: PageView, { hasZstd }: StreamState): CodecName | 'group' {
  // Coded bytes are packed with their group as well: changes and runs still contain text and pointers.
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
