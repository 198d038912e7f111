import type { PageCodec } from './codec.js';

/** A page identical to one already in the stream, or in a base image: where that one is. */
export const sameAs: PageCodec = { name: 'same-as', wireId: 3, operands: { reference: true }, base: 'none' };
