import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readPagemap } from '../../src/image/criu/pagemap.js';
import { fileBytes } from '../../src/image/file-bytes.js';
import { openImage } from '../../src/image/formats.js';
import { done, fails } from '../cli/in-process.js';
import { type Entry, filesOf, writePagemap } from './criu-support.js';
import { fileOf } from './fake-file.js';
import { folderMaker, randomBytes, readAll, testFolder } from './support.js';

const folder = testFolder();
const newFolder = folderMaker(folder);
const pages = (count: number, seed: number) => randomBytes(count * 4096, seed);

/** A pre-dump of two processes and shared memory, and a dump that has some pages in the pre-dump. */
function writeChain(dir: string): { first: Buffer; second: Buffer } {
  const [a, b, c, shared] = [pages(300, 1), pages(20, 2), pages(7, 3), pages(2, 4)];
  const low = a.subarray(0, 100 * 4096);
  const high = a.subarray(100 * 4096);
  writePagemap(join(dir, '1'), '7', 1, [
    { address: 0x40_0000n, pages: low },
    { address: 0x7f00_0000_0000n, pages: high },
  ]);
  writePagemap(join(dir, '1'), '12', 2, [{ address: 0x40_0000n, pages: b }]);
  writePagemap(join(dir, '1'), 'shmem-3', 3, [{ address: 0n, pages: shared }]);
  fs.writeFileSync(join(dir, '1', 'inventory.img'), randomBytes(45, 5));
  writePagemap(join(dir, '2'), '7', 1, [
    { address: 0x40_0000n, pages: 10 },
    { address: 0x40_a000n, pages: c },
    { address: 0x41_1000n, pages: 83 },
    { address: 0x7f00_0000_5000n, pages: 100 },
  ]);
  writePagemap(join(dir, '2'), '12', 2, [
    { address: 0x40_0000n, pages: b.subarray(0, 3 * 4096) },
    { address: 0x40_3000n, pages: 17, isOld: true },
  ]);
  fs.writeFileSync(join(dir, '2', 'core-7.img'), randomBytes(1000, 6));
  fs.writeFileSync(join(dir, '2', 'empty.img'), '');
  fs.symlinkSync('../1', join(dir, '2', 'parent'));
  return {
    first: Buffer.concat([a, b, shared]),
    second: Buffer.concat([
      low.subarray(0, 10 * 4096),
      c,
      low.subarray(17 * 4096),
      high.subarray(5 * 4096, 105 * 4096),
      b,
    ]),
  };
}

test('the page map in docs/images/criu.md is what it says', () => {
  const text = fs.readFileSync(new URL('../../docs/images/criu.md', import.meta.url), 'utf8');
  const lines = /^```pagemap-example\n(.*?)^```/ms.exec(text)![1]!.trim().split('\n');
  const bytes = Buffer.from(
    lines
      .map((line) => line.replace(/#.*/, ''))
      .join('')
      .replace(/\s/g, ''),
    'hex',
  );
  const described: string[] = [];
  const pagesId = readPagemap(fileBytes(fileOf('example', bytes)), (_, address, count, where) =>
    described.push(`${count} pages at 0x${address.toString(16)}, ${where}`),
  );
  expect([`pages-${pagesId}.img`, ...described]).toEqual(
    lines.flatMap((line) => /# (?:head: |entry: )(.*)$/.exec(line)?.[1] ?? []),
  );
});

describe('directories of CRIU', () => {
  const dir = newFolder();
  const { first, second } = writeChain(dir);

  test('are the memory of their page maps, in the order of process numbers, with pages of the parent', async () => {
    for (const [name, expected] of [
      ['1', first],
      ['2', second],
    ] as const) {
      const source = openImage(join(dir, name));
      expect((await readAll(source)).equals(expected)).toBe(true);
      source.close();
    }
  });

  test('without a page map are refused', async () => {
    const empty = newFolder();
    expect(() => openImage(empty, { format: 'criu' })).toThrow(
      / has no page map of CRIU \(pagemap-\*\.img\)$/,
    );
  });

  test('come back as the same directories, and one of them alone', async () => {
    const packed = join(folder, 'chain.pfy');
    await done(['pack', join(dir, '1'), join(dir, '2'), '-o', packed]);
    const out = join(newFolder(), 'out');
    await done(['unpack', packed, '-o', out]);
    for (const name of ['1', '2']) expect(filesOf(join(out, name))).toEqual(filesOf(join(dir, name)));
    await done(['unpack', packed, '--image', '1', '-o', join(out, 'alone')]);
    expect(filesOf(join(out, 'alone'))).toEqual(filesOf(join(dir, '2')));
    await fails(1, ['unpack', packed, '--image', '1', '-o', join(out, 'alone')], /alone: is a directory/);
    await done(['unpack', packed, '--image', '1', '--as', 'raw', '-o', join(out, 'raw')]);
    expect(fs.readFileSync(join(out, 'raw')).equals(second)).toBe(true);
    expect(fs.statSync(join(out, '1', 'pages-1.img')).mode & 0o777).toBe(0o600);
  });

  test('are analyzed, simulated and stored', async () => {
    await done(['analyze', join(dir, '2')]);
    const trace = newFolder();
    for (const [i, seed] of [1, 2].entries())
      writePagemap(join(trace, `${i}`), '7', 1, [{ address: 0x1000n, pages: pages(64, seed) }]);
    const { stdout } = await done(['simulate', '--trace', trace, '--technique', 'pre-copy']);
    expect(stdout.toString()).toContain('256.0 KiB, 64 pages');
  });

  test('inspect prints their page maps and addresses', async () => {
    const { stdout } = await done(['inspect', join(dir, '1')]);
    expect(stdout.toString()).toMatch(/pagemap-7\.img, pagemap-12\.img, pagemap-shmem-3\.img/);
  });
});

describe('a damaged directory is refused by name', () => {
  const entry: Entry = { address: 0x1000n, pages: pages(4, 9) };

  function refuses(
    message: RegExp,
    change: (dir: string) => void,
    entries: readonly Entry[] = [entry],
  ): void {
    const dir = newFolder();
    writePagemap(dir, '5', 1, entries);
    change(dir);
    expect(() => openImage(dir)).toThrow(message);
  }

  test.each<[string, RegExp, (dir: string) => void]>([
    ['without its pages', /pages-1\.img: cannot open/, (dir) => fs.rmSync(join(dir, 'pages-1.img'))],
    [
      'with cut pages',
      /pages-1\.img: has 8192 bytes, pagemap-5\.img names 4 pages in it: it is truncated/,
      (dir) => fs.truncateSync(join(dir, 'pages-1.img'), 8192),
    ],
    [
      'with a cut page map',
      /pagemap-5\.img: entry 0 at 14 ends past the file's 20 bytes/,
      (dir) => fs.truncateSync(join(dir, 'pagemap-5.img'), 20),
    ],
    [
      'with another magic',
      /pagemap-5\.img: does not begin with the magic/,
      (dir) => fs.writeFileSync(join(dir, 'pagemap-5.img'), 'not a page map'),
    ],
    [
      'with two page maps of the same pages',
      /pages-1\.img: is the pages file of pagemap-5\.img and of pagemap-6\.img/,
      (dir) => fs.copyFileSync(join(dir, 'pagemap-5.img'), join(dir, 'pagemap-6.img')),
    ],
    ['with a directory', /has inside, which is not a file/, (dir) => fs.mkdirSync(join(dir, 'inside'))],
    ['with a link', /has other, which is not a file/, (dir) => fs.symlinkSync('/etc', join(dir, 'other'))],
  ])('%s', (_, message, change) => refuses(message, change));

  test('with more pages than there can be', () => {
    const claim = { address: 0x1000n, pages: 2 ** 50, flags: 4 };
    refuses(/pages-1\.img: has 0 bytes, pagemap-5\.img names 1125899906842624 pages/, () => {}, [claim]);
  });

  test('with pages that are still in the process', () => {
    refuses(/--lazy-pages/, () => {}, [{ address: 0x1000n, pages: 3, flags: 2 }]);
  });

  test('with entries that overlap', () => {
    refuses(/entry 1 is at 0x2000, before the end of another/, () => {}, [
      entry,
      { ...entry, address: 0x2000n },
    ]);
  });

  test('with pages of a parent that is missing, is its own, or does not have them', () => {
    const child: Entry = { address: 0x1000n, pages: 4 };
    refuses(/parent: this dump has only what changed since its parent/, () => {}, [child]);
    refuses(/parent: refers to a dump that has this one/, (dir) => fs.symlinkSync('.', join(dir, 'parent')), [
      child,
    ]);
    const other = newFolder();
    writePagemap(other, '5', 1, [{ address: 0x2000n, pages: pages(1, 1) }]);
    refuses(/does not have the page at 0x1000/, (dir) => fs.symlinkSync(other, join(dir, 'parent')), [child]);
  });

  test('a directory without page maps is no image', () => {
    expect(() => openImage(newFolder())).toThrow(
      /is a directory; name an image file in it, or a directory of CRIU/,
    );
  });
});
