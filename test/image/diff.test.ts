// Diff snapshots: sparse files whose holes mean "as in the parent". Compared with the merge that
// `dd conv=notrunc` of every range that was written makes.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openDiff } from '../../src/image/diff.js';
import { openDataRanges } from '../../src/image/fs/data-ranges.js';
import { bytesSource } from '../../src/index.js';
import { seeded } from '../support/kernels.js';

const PAGE = 4096;
const folder = fs.mkdtempSync(join(tmpdir(), 'diff-'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

interface Write {
  readonly page: number;
  readonly pages: number;
  readonly fill: number;
}

/** Writes a sparse file; returns its path. */
function sparse(name: string, bytes: number, writes: readonly Write[]): string {
  const path = join(folder, name);
  const file = fs.openSync(path, 'w');
  for (const { page, pages, fill } of writes)
    fs.writeSync(file, Buffer.alloc(pages * PAGE, fill), 0, undefined, page * PAGE);
  fs.ftruncateSync(file, bytes);
  fs.closeSync(file);
  return path;
}

it('finds every range that was written, also one of zeros', async () => {
  const path = sparse('a', 100 * PAGE + 5, [
    { page: 0, pages: 1, fill: 1 },
    { page: 10, pages: 3, fill: 0 },
    { page: 13, pages: 1, fill: 2 },
    { page: 50, pages: 1, fill: 3 },
  ]);
  const ranges = openDataRanges(path);
  expect(ranges.bytes).toBe(100 * PAGE + 5);
  const found: [number, number][] = [];
  for (let at = 0; ; ) {
    const range = ranges.next(at);
    if (!range) break;
    found.push([range.position / PAGE, range.bytes / PAGE]);
    at = range.position + range.bytes;
  }
  expect(found).toEqual([
    [0, 1],
    [10, 4],
    [50, 1],
  ]);
  expect(ranges.next(11 * PAGE + 7)).toEqual({ position: 11 * PAGE + 7, bytes: 3 * PAGE - 7 });
  expect(ranges.next(51 * PAGE)).toBeUndefined();
  expect(ranges.next(1e9)).toBeUndefined();
  ranges.close();
});

it.each([
  ['empty', 0],
  ['all a hole', 10 * PAGE],
])('a file that is %s has no data', async (_, bytes) => {
  const ranges = openDataRanges(sparse('b', bytes, []));
  expect(ranges.next(0)).toBeUndefined();
  ranges.close();
});

it('a file without holes is one range, to its end', async () => {
  const ranges = openDataRanges(sparse('c', 3 * PAGE + 9, [{ page: 0, pages: 4, fill: 1 }]));
  expect(ranges.next(0)).toEqual({ position: 0, bytes: 3 * PAGE + 9 });
  ranges.close();
});

it('a diff and its parent are the image that a merge by hand makes', async () => {
  const random = seeded(4);
  const bytes = 200 * PAGE + 100;
  const parent = Buffer.from(Array.from({ length: bytes }, () => random() & 255));
  const merged = Buffer.from(parent);
  const writes: Write[] = [];
  for (let n = 0; n < 25; n++) {
    const write = { page: random() % 198, pages: 1 + (random() % 3), fill: random() % 3 };
    writes.push(write);
    merged.fill(write.fill, write.page * PAGE, (write.page + write.pages) * PAGE);
  }
  const source = openDiff(sparse('d', bytes, writes), bytesSource(parent, 'parent'));
  expect([source.name, source.bytes]).toEqual([join(folder, 'd'), bytes]);
  for (let n = 0; n < 200; n++) {
    const at = random() % bytes;
    const into = new Uint8Array(random() % (20 * PAGE));
    const count = source.readAt!(into, at);
    expect(count).toBe(Math.min(into.length, bytes - at));
    expect(merged.subarray(at, at + count).equals(into.subarray(0, count))).toBe(true);
  }
  const pieces: Buffer[] = [];
  for (;;) {
    const piece = Buffer.alloc(70_000);
    const count = await source.read(piece);
    if (count === 0) break;
    pieces.push(piece.subarray(0, count));
  }
  expect(Buffer.concat(pieces).equals(merged)).toBe(true);
  source.close();
});

it('refuses a parent of another size, and what is not a file', async () => {
  const path = sparse('e', 10 * PAGE, []);
  expect(() => openDiff(path, bytesSource(new Uint8Array(9 * PAGE), 'parent'))).toThrow(
    `${path}: a diff of ${10 * PAGE} bytes, but parent has ${9 * PAGE}; a diff has the size of its parent`,
  );
  expect(() => openDataRanges('/dev/null')).toThrow('/dev/null: is not a regular file, so it has no holes');
  expect(() => openDataRanges(join(folder, 'none'))).toThrow(
    'cannot open: no such file or directory (ENOENT)',
  );
});

it('a file that becomes shorter while it is read is an error', async () => {
  const path = sparse('f', 10 * PAGE, [{ page: 8, pages: 2, fill: 5 }]);
  const source = openDiff(path, bytesSource(new Uint8Array(10 * PAGE), 'parent'));
  source.readAt!(new Uint8Array(PAGE), 8 * PAGE);
  fs.truncateSync(path, 9 * PAGE);
  expect(() => source.readAt!(new Uint8Array(2 * PAGE), 8 * PAGE)).toThrow(
    'expected 8192 bytes at 32768, got 4096: it was truncated',
  );
  source.close();
});
