import { allocatedPages } from '../first-pages.js';
import { runPreCopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/**
 * ME2, memory exploration and encoding: reads the guest's allocator from outside, skips free pages and
 * run-length encodes the others.
 * The exploration is the paper's; here `Guest.isAllocated` replaces a reader of kernel tables.
 */
export const me2: Technique = {
  name: 'me2',
  summary: 'skips free pages and run-length encodes the others (memory exploration and encoding)',
  reference: 'Y. Ma et al., CLUSTER 2012 [9]',
  strategy: 'fixed:rle',
  migrate: (migration) => runPreCopy(migration, { firstPages: () => allocatedPages(migration) }),
};
