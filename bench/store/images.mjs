// Snapshots of a synthetic guest: zero pages, text, tables of pointers and noise; between two snapshots some
// pages change in a few words, some are new, some move.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seeded } from '../seeded.mjs';

const PAGE = 4096;

/** Write `count` images of `bytes` bytes, and return their paths. */
export function writeImages(folder, count, bytes) {
  const random = seeded(7);
  const image = Buffer.alloc(bytes);
  const pages = bytes / PAGE;
  for (let page = 0; page < pages; page++) fillPage(image, page, random);
  return Array.from({ length: count }, (_, i) => {
    if (i > 0) change(image, pages, random);
    const path = join(folder, `${String(i).padStart(3, '0')}.raw`);
    writeFileSync(path, image);
    return path;
  });
}

function fillPage(image, page, random) {
  const at = page * PAGE;
  const kind = random() % 100;
  if (kind < 40) image.fill(0, at, at + PAGE);
  else if (kind < 65) {
    for (let i = 0; i < PAGE; )
      i += image.write(`${WORDS[random() % WORDS.length]} ${random() % 997} `, at + i, PAGE - i) || PAGE;
  } else if (kind < 90) {
    const base = random() & 0xffff0000;
    for (let i = 0; i < PAGE; i += 8) {
      image.writeUInt32LE((base + (random() & 0xfff0)) >>> 0, at + i);
      image.writeUInt32LE(0x7f3a, at + i + 4);
    }
  } else for (let i = 0; i < PAGE; i += 4) image.writeUInt32LE(random(), at + i);
}

/** Between two snapshots: 6 % of the pages change in some words, 4 % are new, 2 % are copies of others. */
function change(image, pages, random) {
  for (let page = 0; page < pages; page++) {
    const kind = random() % 100;
    if (kind < 6)
      for (let n = random() % 24; n >= 0; n--)
        image.writeUInt32LE(random(), page * PAGE + 4 * (random() % 1024));
    else if (kind < 10) fillPage(image, page, random);
    else if (kind < 12) {
      const from = (random() % pages) * PAGE;
      image.copy(image, page * PAGE, from, from + PAGE);
    }
  }
}

const WORDS =
  'page table entry of a process, a socket buffer, an inode, struct task, kernel log line, JSON key value'.split(
    ' ',
  );
