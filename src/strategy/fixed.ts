import type { CodecName } from '../codec/codec.js';
import type { Strategy } from './strategy.js';

/**
 * One codec for every page that needs bytes. Zero, filled, unchanged and duplicate pages are found before any strategy is asked;
 * a page that the codec cannot shrink is raw.
 */
export function fixed(codec: CodecName, zstdLevel?: number): Strategy {
  const name = `fixed:${codec}${zstdLevel === undefined ? '' : `:${zstdLevel}`}`;
  if (codec === 'zstd' && zstdLevel !== undefined)
    return {
      name,
      choose: () => 'group',
      packs: () => true,
      pack: () => ({ name: 'zstd', level: zstdLevel }),
    };
  if (codec === 'raw') return { name, choose: () => codec, shouldBypass: () => true };
  return { name, choose: () => codec, packs: () => codec === 'lz4' || codec === 'zstd' };
}
