import { PageBitmap } from '../../page/bitmap.js';
import type { Migration } from '../migration.js';
import { postcopy } from '../post-copy.js';
import type { Technique } from '../technique.js';

/** The guest is watched in steps of this length, at most so long, on the host that it shares with others. */
const STEP_MS = 250;
const MAX_MS = 10_000;
/** It is moved out when it writes so many times what it did until then. */
const RISE = 2;

/**
 * Reactive consolidation: idle guests are packed onto one host; the moment that one gets busy, it is moved to a host of its own by
 * post-copy, because that takes its execution away at once. Watching is not counted as migration; the guest is moved after ten
 * seconds at the latest.
 *
 * A reconstruction: the policy is the paper's, its constants ours. The way back, when the guest is idle again, is another migration.
 */
export const consolidation: Technique = {
  name: 'consolidation',
  what: 'watches a guest on a shared host, and moves it out by post-copy the moment it gets busy',
  source: 'Hirofuchi et al., VTDC 2011 [14]',
  async migrate(migration) {
    watch(migration);
    migration.beginRound();
    migration.stop();
    migration.resume();
    await postcopy(migration, PageBitmap.full(migration.pages), { bubbling: false });
  },
};

function watch(migration: Migration): void {
  let calm = 0;
  for (let steps = 1; steps * STEP_MS <= MAX_MS; steps++) {
    const written = migration.watch(STEP_MS);
    if (steps > 1 && written > RISE * (calm / (steps - 1))) return;
    calm += written;
  }
}
