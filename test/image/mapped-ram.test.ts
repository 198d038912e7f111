// Files made by the grammar in mapped-ram.ts: QEMU 9 and later write them.
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openImage } from '../../src/image/formats.js';
import { noiseOf } from '../../testing/qemu/crafted-guest.js';
import { done, fails } from '../cli/in-process.js';
import { saved } from './libvirt-support.js';
import { type MappedShape, mappedFile } from './mapped-ram-support.js';
import { readAll, testFolder } from './support.js';

const folder = testFolder();
const path = join(folder, 'guest.mig');
const PAGE = 4096;

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

test.each([
  ['QEMU', Buffer.alloc(0)],
  ["libvirt's format sparse", saved(Buffer.alloc(0), { compression: 6 })],
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
  const refused: [MappedShape, RegExp][] = [
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
