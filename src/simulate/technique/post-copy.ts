import { allocatedPages } from '../first-pages.js';
import { postcopy } from '../post-copy.js';
import type { Technique } from '../technique.js';

/**
 * Post-copy with adaptive pre-paging and dynamic self-ballooning: the guest goes on at the destination at once; pages are pushed outward
 * from those that it asked for last (bubbling, up to seven pivots), each exactly once; pages that its balloon gave back are never sent.
 *
 * The mechanism is the paper's; the size of a push (32 pages) is ours, and the balloon takes all free pages at once.
 */
export const postCopy: Technique = {
  name: 'post-copy',
  what: 'moves the guest first; pages follow, those that it waits for and their neighbours first',
  source: 'Hines, Deshpande and Gopalan, VEE 2009 [11]',
  async migrate(migration) {
    migration.beginRound();
    migration.stop();
    const missing = allocatedPages(migration);
    migration.leave('free: taken by the balloon', migration.pages - missing.count);
    migration.resume();
    await postcopy(migration, missing, { bubbling: true });
  },
};
