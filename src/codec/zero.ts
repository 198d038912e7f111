import type { PageCodec } from './codec.js';

/** A page of zero bytes: nothing but its codec. */
export const zero: PageCodec = { name: 'zero', wireId: 1, operands: {}, base: 'none' };
