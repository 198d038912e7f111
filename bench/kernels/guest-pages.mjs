// Pages of guests: those of an image that are not one repeated byte, each once, from regions spread over it.
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const PAGE_BYTES = 4096;
const REGIONS = 16;
const REGION_PAGES = 64;

/** Return unique pages, in the image's order from the start of each region: neighbours stay together. */
export function guestPages(file) {
  const fd = openSync(file);
  try {
    const count = Math.floor(fstatSync(fd).size / PAGE_BYTES);
    const seen = new Set();
    const pages = [];
    for (let region = 0; region < REGIONS; region++) {
      const wanted = (region + 1) * REGION_PAGES;
      for (let i = Math.floor((region * count) / REGIONS); i < count && pages.length < wanted; i++) {
        const page = Buffer.alloc(PAGE_BYTES);
        readSync(fd, page, 0, PAGE_BYTES, i * PAGE_BYTES);
        if (page.equals(Buffer.alloc(PAGE_BYTES, page[0]))) continue;
        const digest = createHash('sha1').update(page).digest('latin1');
        if (seen.has(digest)) continue;
        seen.add(digest);
        pages.push(page);
      }
    }
    return pages;
  } finally {
    closeSync(fd);
  }
}
