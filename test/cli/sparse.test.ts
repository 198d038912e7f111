// Sparse files: holes are found, not read, and what was data is data again, also where it is zero.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openImage } from '../../src/image/formats.js';
import { openDataRanges } from '../../src/image/fs/data-ranges.js';
import { problemOf, randomBytes, testFolder } from '../image/support.js';
import { cli as cliProcess } from './cli.js';
import { done } from './in-process.js';

const folder = testFolder();
const file = (name: string) => join(folder, name);
const PAGE = 4096;

/** Write a file with pages of data (fill 1) and of zeros at page numbers; the rest is holes. */
function write(name: string, bytes: number, pages: readonly (readonly [page: number, fill: number])[]) {
  const fd = fs.openSync(file(name), 'w');
  fs.ftruncateSync(fd, bytes);
  for (const [page, fill] of pages) fs.writeSync(fd, Buffer.alloc(PAGE, fill), 0, PAGE, page * PAGE);
  fs.closeSync(fd);
}

function rangesOf(name: string): [number, number][] {
  const ranges = openDataRanges(file(name));
  const found: [number, number][] = [];
  for (let range = ranges.next(0); range; range = ranges.next(range.position + range.bytes))
    found.push([range.position / PAGE, range.bytes / PAGE]);
  ranges.close();
  return found;
}

/** Blocks of 4 KiB that filefrag lists; undefined where it is missing, or the file system has no list. */
function blocksOf(name: string): number[] | undefined {
  const { status, stdout } = spawnSync('filefrag', ['-s', '-v', '-b4096', file(name)]);
  if (status !== 0) return undefined;
  // "   0:        2..       2:   21630978..  21630978:      1:"
  return [...`${stdout}`.matchAll(/^ +\d+: +(\d+)\.\. +(\d+):/gm)].flatMap(([, first, last]) =>
    Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => Number(first) + i),
  );
}

const DIFF = [
  [2, 1],
  [9, 0],
  [10, 0],
  [40, 7],
  [41, 0],
  [300, 0],
] as const;
write('diff.mem', 512 * PAGE, DIFF);
const problem = problemOf(() => rangesOf('diff.mem'));
if (problem !== '') console.log(`skipped: holes of files: ${problem}`);

test.skipIf(problem !== '')(
  'data comes back as data, holes as holes, from a file and from a pipe',
  async () => {
    const expected = rangesOf('diff.mem');
    expect(expected).toEqual([
      [2, 1],
      [9, 2],
      [40, 2],
      [300, 1],
    ]);
    await done(['pack', file('diff.mem'), '-o', file('p')]);
    await done(['unpack', file('p'), '-o', file('back')]);
    await done(['unpack', file('p'), '--image', '0', '-o', file('one')]);
    for (const name of ['back', 'one']) {
      expect(fs.readFileSync(file(name)).equals(fs.readFileSync(file('diff.mem')))).toBe(true);
      expect(rangesOf(name)).toEqual(expected);
      expect(blocksOf(name)).toEqual(blocksOf('diff.mem'));
    }
    if (!blocksOf('diff.mem')) console.log('skipped: filefrag of sparse files: it lists no extents here');
    else expect(blocksOf('diff.mem')).toEqual([2, 9, 10, 40, 41, 300]);
    await done(['unpack', file('p'), '--as', 'raw', '-o', file('raw')]);
    expect(rangesOf('raw')).toEqual([
      [2, 1],
      [40, 1],
    ]);
  },
);

test.skipIf(problem !== '')(
  'several sparse files, one that ends in a hole and one that is all hole',
  async () => {
    write('a', 100 * PAGE + 5, [[0, 0]]);
    write('b', 64 * PAGE, []);
    const image = randomBytes(64 * PAGE, 1);
    fs.writeFileSync(file('c'), image);
    await done(['pack', file('a'), file('b'), file('c'), '-o', file('p')]);
    await done(['unpack', file('p'), '-o', file('all')]);
    expect(rangesOf('all/000.raw')).toEqual([[0, 1]]);
    expect(fs.statSync(file('all/000.raw')).size).toBe(100 * PAGE + 5);
    expect(rangesOf('all/001.raw')).toEqual([]);
    expect(fs.readFileSync(file('all/002.raw')).equals(image)).toBe(true);
  },
);

test.skipIf(problem !== '')('the holes of 1 TiB are not read', async () => {
  write('large', 2 ** 40, [
    [2 ** 20, 1],
    [2 ** 27 + 1, 0],
  ]);
  const source = openImage(file('large'));
  let [read, skipped] = [0, 0];
  const buffer = Buffer.alloc(1 << 16);
  while (read + skipped < 2 ** 40) {
    const zeros = source.skipZeros!(2 ** 40);
    skipped += zeros;
    if (zeros === 0) read += await source.read(buffer);
  }
  source.close();
  expect(read).toBeLessThanOrEqual(1 << 18);
  const { stdout } = await done(['pack', file('large'), '-o', file('p'), '--json']);
  expect(JSON.parse(`${stdout}`)).toMatchObject({ bytesIn: 2 ** 40 });
  await done(['unpack', file('p'), '-o', file('back')]);
  expect(fs.statSync(file('back'))).toMatchObject({
    size: 2 ** 40,
    blocks: fs.statSync(file('large')).blocks,
  });
});

/** Pack a sparse file with a Node that cannot load modules for which `condition` on their name `n` holds. */
async function packWithout(condition: string) {
  fs.writeFileSync(
    file('refuse.cjs'),
    `const M = require('module'), load = M._load;
     M._load = (n, ...a) => { if (${condition}) throw Error(n); return load(n, ...a); };`,
  );
  const { code, stderr } = await cliProcess(['pack', file('diff.mem'), '-o', file('p')], {
    env: { NODE_OPTIONS: `--require ${file('refuse.cjs')}` },
  });
  expect(code).toBe(0);
  await done(['unpack', file('p'), '-o', file('back')]);
  expect(fs.readFileSync(file('back')).equals(fs.readFileSync(file('diff.mem')))).toBe(true);
  return stderr;
}

test('where holes cannot be found, they are read as zeros, and a note says it', async () => {
  const stderr = await packWithout("n.startsWith('koffi')");
  expect(stderr).toMatch(/note: .*diff\.mem: .*koffi.*its holes are read as zeros/);
});

test("holes are found through the package's native part alone, or the package where there is none", async () => {
  for (const condition of ["n === 'koffi' || n === 'crypto'", "n.startsWith('koffi/')"])
    expect(await packWithout(condition)).not.toMatch(/note/);
});
