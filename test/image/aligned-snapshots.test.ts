import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { alignSnapshots } from '../../src/image/aligned-snapshots.js';
import { openImage } from '../../src/image/formats.js';
import { done, fails } from '../cli/in-process.js';
import { writePagemap } from './criu-support.js';
import { makeCore } from './elf-support.js';
import { folderMaker, randomBytes, readAll, testFolder } from './support.js';

const newFolder = folderMaker(testFolder());
const PAGE = 4096;
const pages = (count: number, seed: number) => randomBytes(count * PAGE, seed);
const zeros = (count: number) => Buffer.alloc(count * PAGE);
const part = (bytes: Buffer, from: number, to: number) => bytes.subarray(from * PAGE, to * PAGE);

async function aligned(paths: readonly string[]): Promise<Buffer[]> {
  const images = paths.map((path) => openImage(path));
  const read: Buffer[] = [];
  for (const snapshot of alignSnapshots(images)) read.push(await readAll(snapshot));
  for (const image of images) image.close();
  return read;
}

test('dumps of processes: pages that come and go, and a process that comes, are zero where they are not', async () => {
  const dir = newFolder();
  const [a, b, c, child] = [pages(6, 1), pages(3, 2), pages(2, 3), pages(4, 4)];
  writePagemap(join(dir, '1'), '7', 1, [
    { address: 0x1000n, pages: a },
    { address: 0x7f00_0000_0000n, pages: b },
  ]);
  // Pages 2 and 3 are unmapped, two come after them, the parent's last ones go, and a child is there.
  writePagemap(join(dir, '2'), '7', 1, [
    { address: 0x1000n, pages: part(a, 0, 2) },
    { address: 0x5000n, pages: part(a, 4, 6) },
    { address: 0x9000n, pages: c },
  ]);
  writePagemap(join(dir, '2'), '8', 2, [{ address: 0x1000n, pages: child }]);
  const [first, second] = await aligned([join(dir, '1'), join(dir, '2')]);
  expect(first!.equals(Buffer.concat([a, zeros(2), b, zeros(4)]))).toBe(true);
  expect(second!.equals(Buffer.concat([part(a, 0, 2), zeros(2), part(a, 4, 6), c, zeros(3), child]))).toBe(
    true,
  );

  const { stdout } = await done(['simulate', '--trace', dir, '--technique', 'pre-copy', '--json']);
  const [row] = JSON.parse(stdout.toString()) as { verified: boolean }[];
  expect(row!.verified).toBe(true);
  const text = (await done(['simulate', '--trace', dir, '--technique', 'pre-copy'])).stdout.toString();
  expect(text).toContain('15 pages');
});

test('a guest that got more memory: cores of physical memory', async () => {
  const dir = newFolder();
  const [low, high] = [pages(5, 5), pages(3, 6)];
  const write = (name: string, segments: Parameters<typeof makeCore>[0]) =>
    fs.writeFileSync(join(dir, name), makeCore(segments));
  write('0.core', [{ vaddr: 0n, paddr: 0x10_0000n, bytes: low }]);
  write('1.core', [
    { vaddr: 0n, paddr: 0x10_0000n, bytes: low },
    { vaddr: 0n, paddr: 0x1_0000_0000n, bytes: high },
  ]);
  const [first, second] = await aligned([join(dir, '0.core'), join(dir, '1.core')]);
  expect(first!.equals(Buffer.concat([low, zeros(3)]))).toBe(true);
  expect(second!.equals(Buffer.concat([low, high]))).toBe(true);
});

test('images with the same addresses are not changed; sizes that differ need addresses', async () => {
  const dir = newFolder();
  const write = (name: string, bytes: Buffer) => fs.writeFileSync(join(dir, name), bytes);
  write('0.raw', pages(2, 7));
  write('1.raw', pages(3, 8));
  await fails(
    1,
    ['simulate', '--trace', dir],
    /1\.raw: 12288 bytes, but .*0\.raw has 8192: expected snapshots of one guest; sizes may differ if all have addresses/,
  );
  const same = newFolder();
  for (const name of ['a', 'b'])
    writePagemap(join(same, name), '3', 1, [{ address: 0x1000n, pages: pages(2, 9) }]);
  const images = ['a', 'b'].map((name) => openImage(join(same, name)));
  expect(alignSnapshots(images)).toBe(images);
  for (const image of images) image.close();
});
