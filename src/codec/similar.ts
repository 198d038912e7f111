import type { PageCodec } from './codec.js';
import { xbzrle } from './xbzrle.js';

/** The changes against another page, found by its sketch: a reference, then XBZRLE bytes. */
export const similar: PageCodec = {
  name: 'similar',
  wireId: 8,
  operands: { reference: true, bytes: 'own' },
  base: 'other page',
  encode: xbzrle.encode!,
  decode: xbzrle.decode!,
};
