import type { PageCodec } from './codec.js';
import { xbzrle } from './xbzrle.js';

/** The changes against another page, found by its sketch: a reference, then XBZRLE bytes. */
export const similar = {
  name: 'similar',
  wireId: 8,
  family: 'page',
  operands: { reference: true, bytes: 'own' },
  base: 'reference',
  costRank: 4,
  pageClass: 'delta',
  label: 'changes against another page',
  encode: xbzrle.encode,
  decode: xbzrle.decode,
} as const satisfies PageCodec;
