import { precopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** As QEMU's default. */
const CACHE_BYTES = 64 << 20;

/**
 * Delta compression: pages are kept in a cache as they were sent; of a page that is there, only the run-length encoded difference
 * travels.
 *
 * The paper's XBRLE stores runs of the XOR, and its cache is two-way associative. Here it is XBZRLE, which QEMU made of it (runs of
 * the new bytes), and a cache that gives the place of the page not used for longest; 64 MiB, QEMU's default.
 */
export const xbrle: Technique = {
  name: 'xbrle',
  what: 'sends the difference to what was sent before, from a cache of sent pages',
  source: 'Svärd et al., VEE 2011 [10]',
  strategy: 'fixed:xbzrle',
  cacheBytes: CACHE_BYTES,
  migrate: (migration) => precopy(migration),
};
