import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDataRanges } from '../../src/image/fs/data-ranges.js';
import { problemOf, randomBytes, testFolder } from '../image/support.js';
import { done, fails } from './in-process.js';

const folder = testFolder();
const file = (name: string) => join(folder, name);
const PAGE = 4096;
const base = randomBytes(64 * PAGE, 1);
fs.writeFileSync(file('base.raw'), base);

/** Write a diff with a page of data and a page of zeros; the rest is holes. */
function writeDiff(name: string, bytes: number): void {
  const fd = fs.openSync(file(name), 'w');
  fs.ftruncateSync(fd, bytes);
  fs.writeSync(fd, randomBytes(PAGE, 2), 0, PAGE, 2 * PAGE);
  fs.writeSync(fd, Buffer.alloc(PAGE), 0, PAGE, 9 * PAGE);
  fs.closeSync(fd);
}

writeDiff('diff.mem', base.length);
writeDiff('short.mem', 32 * PAGE);
const problem = problemOf(() => openDataRanges(file('diff.mem')).close());

test.skipIf(problem !== '')(`pack --diff-of: holes are pages of the image ${problem}`, async () => {
  await done(['pack', file('diff.mem'), '--diff-of', file('base.raw'), '-o', file('p')]);
  await done(['unpack', file('p'), '-o', file('back')]);
  const expected = Buffer.from(base);
  randomBytes(PAGE, 2).copy(expected, 2 * PAGE);
  expected.fill(0, 9 * PAGE, 10 * PAGE);
  expect(fs.readFileSync(file('back')).equals(expected)).toBe(true);
  await fails(
    1,
    ['pack', file('short.mem'), '--diff-of', file('base.raw'), '-o', file('x')],
    /a diff of 131072 bytes, but .* has 262144/,
  );
});
