import { PageBitmap } from '../page/bitmap.js';
import type { Guest } from './guest.js';

/** Return the pages that the guest's allocator has given out. */
export function allocatedPages({
  guest,
  pages,
}: {
  readonly guest: Guest;
  readonly pages: number;
}): PageBitmap {
  const allocated = new PageBitmap(pages);
  for (let page = 0; page < pages; page++) if (guest.isAllocated(page)) allocated.add(page);
  return allocated;
}

/**
 * Return all pages but those that the destination kept unchanged from an earlier visit; transmit
 * `tableBytes` for each kept page.
 */
export function changedSinceVisit(
  migration: { readonly pages: number; reuseKept(tableBytes: number): PageBitmap },
  tableBytes: number,
): PageBitmap {
  const pages = PageBitmap.full(migration.pages);
  for (const page of migration.reuseKept(tableBytes)) pages.delete(page);
  return pages;
}
