import type { PageCodec } from './codec.js';

/** A page of one byte, repeated: that byte. */
export const fill: PageCodec = { name: 'fill', wireId: 2, operands: { fill: true }, base: 'none' };
