import type { CodecName } from '../codec/registry.js';
import type { Strategy } from './strategy.js';

/**
 * Creates a strategy with one codec for every page. Zero, fill, unchanged and duplicate pages are still found
 * first; a page that the codec cannot shrink becomes `raw`. `zstdLevel` (1 … 22) packs groups with zstd at
 * that level.
 */
export function fixed(codec: CodecName, zstdLevel?: number): Strategy {
  const name = `fixed:${codec}${zstdLevel === undefined ? '' : `:${zstdLevel}`}`;
  if (codec === 'zstd' && zstdLevel !== undefined)
    return {
      name,
      choose: () => 'group',
      isPackingLikely: () => true,
      pack: () => ({ name: 'zstd', level: zstdLevel }),
    };
  if (codec === 'raw')
    return { name, choose: () => codec, shouldBypass: () => true, isPackingLikely: () => false };
  return { name, choose: () => codec, isPackingLikely: () => codec === 'lz4' || codec === 'zstd' };
}
