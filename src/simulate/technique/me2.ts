import { allocatedPages } from '../first-pages.js';
import { precopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/**
 * ME2, memory exploration and encoding: the guest's allocator is read from outside, pages that it has not given out are not sent at
 * all; the others are run-length encoded.
 *
 * What is explored is the paper's; here the guest tells it (`Guest.isAllocated`) in place of a reader of a kernel's tables.
 */
export const me2: Technique = {
  name: 'me2',
  what: 'leaves free pages out, and run-length encodes the others (memory exploration and encoding)',
  source: 'Y. Ma et al., CLUSTER 2012 [9]',
  strategy: 'fixed:rle',
  migrate: (migration) => precopy(migration, { first: () => allocatedPages(migration) }),
};
