import { PageBitmap } from '../../page/bitmap.js';
import { precopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/**
 * Improved pre-copy with a page bitmap: a page that was written to in the last round and again in this one is frequently updated; it
 * is marked, and sent only once more, in the last round.
 *
 * The idea is the paper's ("mark those frequently updated pages … only transmitted in the last round"), the rule `to_send && to_skip`
 * our reading of it.
 */
export const pageBitmap: Technique = {
  name: 'page-bitmap',
  what: 'marks pages that are written to again while they wait; those are sent once, in the last round',
  source: 'F. Ma et al., ICSESS 2010 [4]',
  migrate(migration) {
    const last = new PageBitmap(migration.pages);
    let before: PageBitmap | undefined;
    return precopy(migration, {
      leave: (page) => (last.has(page) ? 'frequently written to' : undefined),
      ended(dirty) {
        if (before) for (const page of dirty) if (before.has(page)) last.add(page);
        before = dirty;
      },
      enough: (left) => left.count === last.count,
    });
  },
};
