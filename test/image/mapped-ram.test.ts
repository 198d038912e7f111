// Files made by the grammar in mapped-ram.ts: QEMU 9 and later write them.
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openImage } from '../../src/image/formats.js';
import { PageferryError } from '../../src/page/error.js';
import {
  be32,
  be64,
  blockTableSize,
  countedString,
  header,
  sectionStart,
  subsection,
} from '../../testing/qemu/craft.js';
import { noiseOf } from '../../testing/qemu/crafted-guest.js';
import { done, fails } from '../cli/in-process.js';
import { seeded } from '../support/kernels.js';
import { readAll, testFolder } from './support.js';

const folder = testFolder();
const path = join(folder, 'guest.mig');
const PAGE = 4096;
const ALIGNMENT = 1 << 16; // QEMU's is 1 MiB
const DEVICES = noiseOf(3000, 9);

interface Shape {
  readonly capability?: string;
  readonly version?: number;
  readonly pageBytes?: number;
  readonly total?: number;
  readonly bitmapShift?: number;
}

/** `start`: bytes before the stream. Pages that are not in `stored` keep what they had before. */
function mappedFile(
  blocks: readonly { readonly name: string; readonly pages: readonly (Buffer | undefined)[] }[],
  shape: Shape = {},
  start: Buffer = Buffer.alloc(0),
): Buffer {
  const capabilities = Buffer.concat([be32(1), countedString(shape.capability ?? 'mapped-ram')]);
  const total = blocks.reduce((sum, { pages }) => sum + pages.length * PAGE, 0);
  let file = Buffer.concat([
    start,
    header('pc-q35-9.0', subsection('configuration/capabilities', capabilities)),
    sectionStart(),
    blockTableSize(shape.total ?? total),
  ]);
  for (const { name, pages } of blocks) {
    const head = Buffer.concat([countedString(name), be64(pages.length * PAGE)]);
    const bitmapAt = file.length + head.length + 28;
    const bitmap = Buffer.alloc(Math.ceil(pages.length / 64) * 8);
    for (const [i, page] of pages.entries()) if (page) bitmap[i >> 3]! |= 1 << (i & 7);
    const pagesAt = Math.ceil((bitmapAt + bitmap.length) / ALIGNMENT) * ALIGNMENT;
    const stale = noiseOf(PAGE, 77);
    file = Buffer.concat([
      file,
      head,
      be32(shape.version ?? 1),
      be64(shape.pageBytes ?? PAGE),
      be64(bitmapAt + (shape.bitmapShift ?? 0)),
      be64(pagesAt),
      bitmap,
      Buffer.alloc(pagesAt - bitmapAt - bitmap.length),
      ...pages.map((page, i) => page ?? (i % 2 ? stale : Buffer.alloc(PAGE))),
    ]);
  }
  return Buffer.concat([file, DEVICES]);
}

const ram = Array.from({ length: 200 }, (_, i) => (i % 7 < 4 ? noiseOf(PAGE, i + 1) : undefined));
const rom = [noiseOf(PAGE, 1000), noiseOf(PAGE, 1001)];
const blocks = [
  { name: 'pc.bios', pages: rom },
  { name: 'pc.ram', pages: ram },
];
const memory = Buffer.concat(ram.map((page) => page ?? Buffer.alloc(PAGE)));

test('the image is the RAM: stored pages, and zeros where the bitmap has no page', async () => {
  fs.writeFileSync(path, mappedFile(blocks));
  const source = openImage(path);
  expect((await readAll(source, 10_000)).equals(memory)).toBe(true);
  source.close();
});

function libvirtHead(): Buffer {
  const head = Buffer.alloc(92 + 4004);
  head.write('LibvirtQemudSave');
  for (const [i, word] of [2, 4004, 1, 6, 0].entries()) head.writeUInt32LE(word, 16 + 4 * i);
  return head;
}

test.each([
  ['QEMU', Buffer.alloc(0)],
  ["libvirt's format sparse", libvirtHead()],
])('a file of %s comes back byte for byte', async (_, start) => {
  const bytes = mappedFile(blocks, {}, start);
  fs.writeFileSync(path, bytes);
  await done(['pack', path, '-o', join(folder, 'p')]);
  await done(['unpack', join(folder, 'p'), '-o', join(folder, 'back')]);
  expect(fs.readFileSync(join(folder, 'back')).equals(bytes)).toBe(true);
  await done(['unpack', join(folder, 'p'), '--as', 'raw', '-o', join(folder, 'raw')]);
  expect(fs.readFileSync(join(folder, 'raw')).equals(memory)).toBe(true);
});

test('what cannot be read is refused', async () => {
  const refused: [Shape, RegExp][] = [
    [{ version: 2 }, /block "pc.bios": mapped-ram of version 2/],
    [{ pageBytes: 65_536 }, /pages of 65536 bytes/],
    [{ total: 3 * PAGE }, /block "pc.ram" of 819200 bytes at \d+, with 4096 bytes of RAM left/],
    [{ bitmapShift: 1 << 20 }, /block "pc.bios": bitmap at/],
    [{ capability: 'another' }, /capability "another"/],
  ];
  for (const [shape, message] of refused) {
    fs.writeFileSync(path, mappedFile(blocks, shape));
    await fails(1, ['pack', path, '-o', join(folder, 'x')], message);
  }
  fs.writeFileSync(path, mappedFile(blocks).subarray(0, 500_000));
  await fails(1, ['pack', path, '-o', join(folder, 'x')], /end past the file's 500000: it is truncated/);
});

test('a file with random changes is read or refused', async () => {
  const next = seeded(8);
  const sane = mappedFile([{ name: 'pc.ram', pages: ram.slice(0, 20) }]);
  for (let round = 0; round < 500; round++) {
    const bytes = Buffer.from(sane.subarray(0, round % 5 === 0 ? next() % sane.length : sane.length));
    for (let i = 1 + (next() % 3); i > 0 && bytes.length > 0; i--)
      bytes[next() % Math.min(bytes.length, 220)] = next();
    fs.writeFileSync(path, bytes);
    try {
      const source = openImage(path);
      await source.read(new Uint8Array(1 << 18));
      source.close();
    } catch (error) {
      expect(error).toBeInstanceOf(PageferryError);
    }
  }
});
