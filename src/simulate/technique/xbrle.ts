import { runPreCopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** QEMU's default. */
const CACHE_BYTES = 64 << 20;

/**
 * Delta compression: pages are cached as they were sent; for a cached page only the run-length encoded
 * difference is sent.
 * The paper's XBRLE stores runs of the XOR, with a two-way associative cache. This is XBZRLE, QEMU's version
 * of it (runs of the new bytes), with an LRU cache of 64 MiB, QEMU's default.
 */
export const xbrle: Technique = {
  name: 'xbrle',
  summary: 'sends differences to cached versions of sent pages',
  reference: 'Svärd et al., VEE 2011 [10]',
  strategy: 'fixed:xbzrle',
  cacheBytes: CACHE_BYTES,
  migrate: (migration) => runPreCopy(migration),
};
