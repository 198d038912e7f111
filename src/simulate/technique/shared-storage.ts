import type { PageBitmap } from '../../page/bitmap.js';
import type { Migration } from '../migration.js';
import { runPreCopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** Bytes of a record with page number, sector and length, sent instead of a page. */
export const RECORD_BYTES = 16;
const BATCH_PAGES = 256;

/**
 * Pre-copy with shared storage: a record replaces each page that holds a block of storage that both hosts can
 * read, and the destination reads the block. Pages that were written since are sent as usual. The idea is the
 * paper's. The records of 16 bytes are ours, and that the guest resumes only when all blocks were read.
 */
export const sharedStorage: Technique = {
  name: 'shared-storage',
  summary: 'sends the block number instead of pages that are on a shared disk',
  reference: 'Jo et al., VEE 2013 [5]',
  migrate: (migration) => runPreCopy(migration, { beforeRound: (pages) => sendBlocks(migration, pages) }),
};

/** Let the destination read the pages of `pages` that hold a block, and delete them from `pages`. */
function sendBlocks(migration: Migration, pages: PageBitmap): void {
  const { guest } = migration;
  let some: number[] = [];
  const flush = () => {
    if (some.length > 0) migration.fetchBlocks(some, RECORD_BYTES);
    migration.defer('read from the shared disk', some.length);
    some = [];
  };
  migration.runGuest();
  for (const page of pages) {
    if (guest.blockOf(page) < 0 || migration.dirty.has(page)) continue;
    some.push(page);
    pages.delete(page);
    if (some.length === BATCH_PAGES) {
      flush();
      migration.runGuest();
    }
  }
  if (some.length > 0) flush();
}
