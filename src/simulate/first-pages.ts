import { PageBitmap } from '../page/bitmap.js';
import type { Guest } from './guest.js';

/** The pages that the guest's allocator has given out. */
export function allocatedPages({
  guest,
  pages,
}: {
  readonly guest: Guest;
  readonly pages: number;
}): PageBitmap {
  const given = new PageBitmap(pages);
  for (let page = 0; page < pages; page++) if (guest.isAllocated(page)) given.add(page);
  return given;
}

/** All pages but those that the destination kept from an earlier visit as they are now; `tableBytes` travel for each, to tell. */
export function changedSinceVisit(
  migration: { readonly pages: number; takeUpKept(tableBytes: number): PageBitmap },
  tableBytes: number,
): PageBitmap {
  const pages = PageBitmap.full(migration.pages);
  for (const page of migration.takeUpKept(tableBytes)) pages.delete(page);
  return pages;
}
