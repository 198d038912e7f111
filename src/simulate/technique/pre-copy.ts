import { precopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** Pre-copy as Xen does it: rounds of what was written to, whole pages, until little is left. The others are measured against it. */
export const preCopy: Technique = {
  name: 'pre-copy',
  what: 'copies while the guest runs, round by round, then the rest',
  source: 'Clark et al., Live Migration of Virtual Machines, NSDI 2005',
  migrate: (migration) => precopy(migration),
};
