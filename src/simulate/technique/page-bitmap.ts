import { PageBitmap } from '../../page/bitmap.js';
import { runPreCopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/**
 * Improved pre-copy with a page bitmap: a page written in two consecutive rounds is frequently updated; it is
 * marked and sent again only in the last round.
 * The idea is the paper's (“mark those frequently updated pages … only transmitted in the last round”); the
 * rule `to_send && to_skip` is our reading of it.
 */
export const pageBitmap: Technique = {
  name: 'page-bitmap',
  summary: 'marks frequently updated pages and sends them once, in the last round',
  reference: 'F. Ma et al., ICSESS 2010 [4]',
  migrate(migration) {
    const last = new PageBitmap(migration.pages);
    let before: PageBitmap | undefined;
    return runPreCopy(migration, {
      deferReason: (page) => (last.has(page) ? 'frequently updated' : undefined),
      onRound(dirty) {
        if (before) for (const page of dirty) if (before.has(page)) last.add(page);
        before = dirty;
      },
      isDone: (remaining) => remaining.count === last.count,
    });
  },
};
