import type { PageCodec } from './codec.js';

/** A page identical to its last version, the same page number in the parent image: nothing but its codec. */
export const unchanged = {
  name: 'unchanged',
  wireId: 4,
  family: 'found',
  operands: {},
  base: 'parent',
  costRank: 0,
  pageClass: 'unchanged',
  label: 'identical to its last version',
} as const satisfies PageCodec;
