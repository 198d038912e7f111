// A saved migration with more pages than a container describes, with a limit that a test can exceed.
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { craftedStream, noiseOf } from '../../testing/qemu/crafted-guest.js';
import { testFolder } from '../image/support.js';
import { done } from './in-process.js';

vi.mock('../../src/image/qemu-migration/limits.js', () => ({ MAX_CONTAINER_PAGES: 4 }));

const folder = testFolder();
const file = (name: string) => join(folder, name);

test.each([
  [4, /^$/, true],
  [
    5,
    /^pageferry: note: \S+guest\.mig: too many pages to keep the file: packed as its memory alone\n$/,
    false,
  ],
])('a stream of %i pages that are not zero', async (pages, stderr, isSameFile) => {
  const memory = Buffer.concat([noiseOf(pages * 4096, 3), Buffer.alloc(8192)]);
  const stream = craftedStream([memory]);
  fs.writeFileSync(file('guest.mig'), stream);
  const packed = await done(['pack', file('guest.mig'), '-o', file('packed')]);
  expect(packed.stderr).toMatch(stderr);
  await done(['unpack', file('packed'), '-o', file('back')]);
  expect(fs.readFileSync(file('back')).equals(isSameFile ? stream : memory)).toBe(true);
});
