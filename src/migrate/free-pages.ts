import { PageBitmap } from '../page/bitmap.js';
import type { Migration } from './migration.js';

/** The pages that the guest's allocator has given out. */
export function allocatedPages({ guest, pages }: Migration): PageBitmap {
  const given = new PageBitmap(pages);
  for (let page = 0; page < pages; page++) if (guest.isAllocated(page)) given.add(page);
  return given;
}
