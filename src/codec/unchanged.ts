import type { PageCodec } from './codec.js';

/** A page identical to its last version, the same page number in the parent image: nothing but its codec. */
export const unchanged: PageCodec = { name: 'unchanged', wireId: 4, operands: {}, base: 'last version' };
