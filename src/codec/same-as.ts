import type { PageCodec } from './codec.js';

/** A page identical to one already in the stream, or in a base image: where that one is. */
export const sameAs = {
  name: 'same-as',
  wireId: 3,
  family: 'found',
  operands: { reference: true },
  base: 'none',
  costRank: 1,
  pageClass: 'duplicate',
  label: 'identical to another page',
} as const satisfies PageCodec;
