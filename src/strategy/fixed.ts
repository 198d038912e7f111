import type { CodecName } from '../codec/registry.js';
import type { Packing, Strategy } from './strategy.js';

/** LZ4 packs blocks of 64 KiB independently, so small groups, which stay in the cache, cost no bytes. */
const GROUP_BYTES = 1 << 20;
/** Level of segments and tables that are packed with zstd without a level. */
const DEFAULT_ZSTD_LEVEL = 3;

/**
 * Create a strategy with one codec for every page that is not zero, a fill, unchanged or a duplicate. A page
 * that the codec does not shrink becomes `raw`. `zstdLevel`: pack groups with zstd at this level, 1 … 22.
 * `encoder`: implementation of zstd.
 */
export function fixed(codec: CodecName, zstdLevel?: number, encoder?: Packing['encoder']): Strategy {
  const by = encoder === undefined ? '' : `-${encoder}`;
  const name = `fixed:${codec}${by}${zstdLevel === undefined ? '' : `:${zstdLevel}`}`;
  if (codec === 'zstd' && zstdLevel !== undefined)
    return {
      name,
      choose: () => 'group',
      uniformChoice: 'group',
      maxZstdLevel: zstdLevel,
      pack: () => ({ name: 'zstd', level: zstdLevel, ...(encoder && { encoder }) }),
    };
  return {
    name,
    choose: () => codec,
    maxZstdLevel: DEFAULT_ZSTD_LEVEL,
    ...((codec === 'lz4' || codec === 'zstd' || codec === 'raw') && { uniformChoice: codec }),
    ...((codec === 'lz4' || codec === 'raw') && { groupBytes: () => GROUP_BYTES }),
    ...(codec === 'raw' && { shouldBypass: () => true }),
  };
}

/**
 * Create a strategy that codes every page alone with zstd at `level` (1 … 22; default 1), for files that are
 * read page by page.
 */
export function fixedZstdPage(level?: number): Strategy {
  return {
    name: `fixed:zstd-page${level === undefined ? '' : `:${level}`}`,
    choose: () => 'zstd-page',
    zstdPageLevel: level,
    maxZstdLevel: DEFAULT_ZSTD_LEVEL,
    looks: () => ({ duplicates: true, similar: false }),
    groupBytes: () => GROUP_BYTES,
  };
}
