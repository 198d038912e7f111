import { allocatedPages } from '../first-pages.js';
import { runPostCopy } from '../post-copy.js';
import type { Technique } from '../technique.js';

/**
 * Post-copy with adaptive pre-paging and dynamic self-ballooning: the guest resumes at the destination at
 * once; pages are pushed outward from the last faults (bubbling, up to seven pivots), each exactly once;
 * pages returned by its balloon are never sent.
 * The mechanism is the paper's; the size of a push (32 pages) is ours, and the balloon takes all free pages
 * at once.
 */
export const postCopy: Technique = {
  name: 'post-copy',
  summary: 'moves the guest first; pages follow, faulted pages and their neighbours first',
  reference: 'Hines, Deshpande and Gopalan, VEE 2009 [11]',
  async migrate(migration) {
    migration.beginRound();
    migration.stop();
    const missing = allocatedPages(migration);
    migration.defer('free: taken by the balloon', migration.pages - missing.count);
    migration.resume();
    await runPostCopy(migration, missing, { bubbling: true });
  },
};
