import { PageBitmap } from '../../page/bitmap.js';
import type { Migration } from '../migration.js';
import { runPostCopy } from '../post-copy.js';
import type { Technique } from '../technique.js';

/** Length of an observation step, and the maximum time of observation, on the shared host. */
const STEP_MS = 250;
const MAX_MS = 10_000;
/** Factor over the previous write rate at which the guest is moved. */
const RISE = 2;

/**
 * Reactive consolidation: idle guests are packed onto one host; as soon as one becomes busy, post-copy moves
 * it to a host of its own, because that relieves the shared host at once. The observation is not part of the
 * migration; the guest is moved after ten seconds at the latest.
 * A reconstruction: the policy is the paper's, its constants are ours. The return, when the guest is idle
 * again, is another migration.
 */
export const consolidation: Technique = {
  name: 'consolidation',
  summary: 'observes a guest on a shared host, and moves it by post-copy when it becomes busy',
  reference: 'Hirofuchi et al., VTDC 2011 [14]',
  async migrate(migration) {
    await observe(migration);
    migration.beginRound();
    migration.stop();
    migration.resume();
    await runPostCopy(migration, PageBitmap.full(migration.pages), { bubbling: false });
  },
};

async function observe(migration: Migration): Promise<void> {
  let calm = 0;
  for (let steps = 1; steps * STEP_MS <= MAX_MS; steps++) {
    await migration.yieldIfDue();
    const written = migration.observe(STEP_MS);
    if (steps > 1 && written > RISE * (calm / (steps - 1))) return;
    calm += written;
  }
}
