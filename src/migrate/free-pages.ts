import { PageBitmap } from '../page/bitmap.js';
import type { Guest } from './guest.js';

/** The pages that the guest's allocator has given out. */
export function allocatedPages({ guest, pages }: { readonly guest: Guest; readonly pages: number }): PageBitmap {
  const given = new PageBitmap(pages);
  for (let page = 0; page < pages; page++) if (guest.isAllocated(page)) given.add(page);
  return given;
}
