// `--format NAME` of a directory.
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writePagemap } from '../image/criu-support.js';
import { randomBytes, testFolder } from '../image/support.js';
import { done, fails } from './in-process.js';

const folder = testFolder();
const file = (name: string) => join(folder, name);

test('the format of a directory is one that can be named, for directories only', async () => {
  writePagemap(file('dump'), '7', 1, [{ address: 0x40_0000n, pages: randomBytes(8192, 2) }]);
  fs.writeFileSync(file('raw'), randomBytes(8192, 3));
  await done(['pack', '--format', 'criu', file('dump'), '-o', file('packed')]);
  await done(['unpack', file('packed'), '--as', 'raw', '-o', file('memory')]);
  expect(fs.readFileSync(file('memory')).equals(randomBytes(8192, 2))).toBe(true);
  expect((await done(['inspect', '--format', 'criu', file('dump')])).stdout.toString()).toMatch(
    /format +criu/,
  );
  await fails(
    1,
    ['pack', '--format', 'criu', file('raw'), '-o', file('x')],
    /criu is that of a directory, not of/,
  );
  await fails(
    2,
    ['pack', '--format', 'cri', file('dump'), '-o', file('x')],
    /unknown image format; write criu, /,
  );
});
