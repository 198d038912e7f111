import type { LinkSpec } from './link.js';

/**
 * Link rate, in bit/s, below which `smallest` keeps up: it takes about 40 µs a page on two threads, for about
 * 600 bytes.
 */
const MAX_SMALLEST_BITS_PER_SECOND = (600 * 8) / 40e-6;

/** Return the strategy with the least data among those that keep up with the link. */
export function leastDataStrategy({ link }: { readonly link: LinkSpec }): 'smallest' | 'adaptive' {
  return link.bitsPerSecond <= MAX_SMALLEST_BITS_PER_SECOND ? 'smallest' : 'adaptive';
}
