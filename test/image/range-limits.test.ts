// Tables of ranges have limits, so that memory does not grow with what a file claims.
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openImage } from '../../src/image/formats.js';
import {
  be32,
  be64,
  blockTableSize,
  countedString,
  header,
  sectionStart,
  subsection,
} from '../../testing/qemu/craft.js';
import { makeKdump } from './kdump-support.js';
import { minidumpHead } from './minidump-support.js';
import { testFolder } from './support.js';

const PAGE = 4096;
const MAX_RANGES = 1 << 20;
const dir = testFolder();
const path = join(dir, 'file');

function writeMinidump(): string {
  fs.writeFileSync(path, minidumpHead(MAX_RANGES + 1, 0));
  return path;
}

function writeKdump(): string {
  const pages = 2 * MAX_RANGES + 8;
  const file = makeKdump([{ number: pages - 1 }]);
  everySecond(pages).copy(file, 2 * PAGE);
  fs.writeFileSync(path, file);
  return path;
}

/** The bitmap of every second page. */
function everySecond(pages: number): Buffer {
  return Buffer.alloc(pages / 8, 0x55);
}

function writeCriu(): string {
  const criu = join(dir, 'criu');
  fs.mkdirSync(criu);
  const head = Buffer.from([0x19, 0x43, 0x56, 0x54, 0x25, 0x40, 0x08, 0x56, 2, 0, 0, 0, 8, 1]);
  // Bytes of the message; 1: address; 2: pages.
  const entry = Buffer.from([9, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 16, 1]);
  const entries = Buffer.alloc(entry.length * (MAX_RANGES + 1), entry);
  for (let i = 0; i <= MAX_RANGES; i++) writeVarint(entries, i * entry.length + 5, 2 * i * PAGE);
  fs.writeFileSync(join(criu, 'pagemap-1.img'), Buffer.concat([head, entries]));
  fs.writeFileSync(join(criu, 'pages-1.img'), '');
  fs.truncateSync(join(criu, 'pages-1.img'), (MAX_RANGES + 1) * PAGE);
  return criu;
}

/** A varint of six bytes. */
function writeVarint(into: Buffer, at: number, value: number): void {
  for (let i = 0; i < 6; i++) into[at + i] = (Math.floor(value / 128 ** i) % 128) | (i < 5 ? 0x80 : 0);
}

function writeMappedRam(): string {
  const pages = 2 * MAX_RANGES + 64;
  const start = Buffer.concat([
    header(
      'pc-q35-9.0',
      subsection('configuration/capabilities', Buffer.concat([be32(1), countedString('mapped-ram')])),
    ),
    sectionStart(),
    blockTableSize(pages * PAGE),
    countedString('pc.ram'),
    be64(pages * PAGE),
    be32(1),
    be64(PAGE),
  ]);
  const bitmapAt = start.length + 16;
  const bitmap = everySecond(pages);
  const pagesAt = bitmapAt + bitmap.length;
  fs.writeFileSync(path, Buffer.concat([start, be64(bitmapAt), be64(pagesAt), bitmap]));
  fs.truncateSync(path, pagesAt + pages * PAGE);
  return path;
}

test.each([
  ['a minidump', 'more than 1048576 ranges of memory', writeMinidump],
  ['a kdump', 'more than 1048576 ranges of physical memory', writeKdump],
  ["a directory of CRIU's images", 'more than 1048576 ranges of pages', writeCriu],
  ['a mapped-ram file', 'more than 2097152 ranges of pages', writeMappedRam],
])('%s with more ranges is refused', (_, message, write) => {
  const file = write();
  expect(() => openImage(file)).toThrow(
    expect.objectContaining({ code: 'limit', message: expect.stringContaining(message) }),
  );
});
