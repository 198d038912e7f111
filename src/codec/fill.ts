import type { PageCodec } from './codec.js';

/** A page of one byte, repeated: that byte. */
export const fill = {
  name: 'fill',
  wireId: 2,
  family: 'found',
  operands: { fill: true },
  base: 'none',
  costRank: 0,
  pageClass: 'fill',
  label: 'one byte repeated',
} as const satisfies PageCodec;
