import { runPreCopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/**
 * Pre-copy as in Xen: rounds of written pages, whole and without dedup, until few remain. The reference for
 * the other techniques.
 */
export const preCopy: Technique = {
  name: 'pre-copy',
  summary: 'copies while the guest runs, round by round; stops the guest for the rest',
  reference: 'Clark et al., Live Migration of Virtual Machines, NSDI 2005',
  migrate: (migration) => runPreCopy(migration),
};
