import type { PageBitmap } from '../../page/bitmap.js';
import type { Migration } from '../migration.js';
import { precopy } from '../pre-copy.js';
import type { Technique } from '../technique.js';

/** Page number, sector and length as they travel in place of a page. */
export const RECORD_BYTES = 16;
const PAGES_AT_ONCE = 256;

/**
 * Pages that mirror a block of storage that both hosts can read travel as a record that says which; the destination reads the block
 * itself. A page that was written to since its block was read is a page like any other.
 *
 * The idea is the paper's; that records are 16 bytes, and that the guest goes on only when all blocks were read, are ours.
 */
export const sharedStorage: Technique = {
  name: 'shared-storage',
  what: 'sends where a page stands on the shared disk instead of the page',
  source: 'Jo et al., VEE 2013 [5]',
  migrate: (migration) => precopy(migration, { ahead: (pages) => sendBlocks(migration, pages) }),
};

/** Has the destination fetch those of `pages` that mirror a block, and takes them out. */
function sendBlocks(migration: Migration, pages: PageBitmap): void {
  const { guest } = migration;
  let some: number[] = [];
  const flush = () => {
    if (some.length > 0) migration.fetchBlocks(some, RECORD_BYTES);
    migration.leave('read from the shared disk', some.length);
    some = [];
  };
  migration.runGuest();
  for (const page of pages) {
    if (guest.blockOf(page) < 0 || migration.dirty.has(page)) continue;
    some.push(page);
    pages.delete(page);
    if (some.length === PAGES_AT_ONCE) {
      flush();
      migration.runGuest();
    }
  }
  if (some.length > 0) flush();
}
