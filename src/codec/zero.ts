import type { PageCodec } from './codec.js';

/** A page of zero bytes: nothing but its codec. */
export const zero = {
  name: 'zero',
  wireId: 1,
  family: 'found',
  operands: {},
  base: 'none',
  costRank: 0,
  pageClass: 'zero',
  label: 'all zero',
} as const satisfies PageCodec;
