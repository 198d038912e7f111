import type { LinkSpec } from './link.js';

/**
 * Link rate, in bit/s, up to which `smallest` is not the bottleneck: 600 bytes in 40 µs a page on two
 * threads.
 */
const MAX_SMALLEST_BITS_PER_SECOND = (600 * 8) / 40e-6;

/** Return the strategy that sends the least data without being slower than the link. */
export function leastDataStrategy({ link }: { readonly link: LinkSpec }): 'smallest' | 'adaptive' {
  return link.bitsPerSecond <= MAX_SMALLEST_BITS_PER_SECOND ? 'smallest' : 'adaptive';
}
