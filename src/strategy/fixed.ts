import type { CodecName } from '../codec/registry.js';
import type { Packing, Strategy } from './strategy.js';

/** LZ4 packs blocks of 64 KiB by themselves: small groups stay in the cache and cost no bytes. */
const GROUP_BYTES = 1 << 20;
/** Of packing without a level; tables have it, too. */
const DEFAULT_ZSTD_LEVEL = 3;

/**
 * Create a strategy with one codec for every page. Zero, fill, unchanged and duplicate pages are still found
 * first; a page that the codec cannot shrink becomes `raw`. `zstdLevel` (1 … 22) packs groups with zstd at
 * that level; `encoder` is the implementation.
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
