// `unpack --image NAME`.
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testFolder } from '../image/support.js';
import { random } from './cli.js';
import { done, fails } from './in-process.js';

const folder = testFolder();
const file = (name: string) => join(folder, name);
const images = ['a/guest', 'b/guest', 'b/other'];

test('an image is named by its path or its end, or refused with the names and numbers', async () => {
  for (const [i, name] of images.entries()) {
    fs.mkdirSync(file(name.slice(0, 1)), { recursive: true });
    fs.writeFileSync(file(name), random(8192, i));
  }
  await done(['pack', ...images.map(file), '-o', file('packed')]);
  const unpack = ['unpack', file('packed'), '-o', file('back'), '--image'];
  for (const [name, number] of [
    ['other', 2],
    [file('b/guest'), 1],
    ['a/guest', 0],
    ['1', 1],
  ] as const) {
    await done([...unpack, name]);
    expect(fs.readFileSync(file('back')).equals(random(8192, number))).toBe(true);
  }
  await fails(1, [...unpack, 'guest'], /has 2 images of the name guest: write the number of one \(0, 1\)/);
  await fails(
    1,
    [...unpack, 'uest'],
    /has no image of the name uest: its names are \S+a\/guest, \S+b\/guest/,
  );
});

test('damage in an image that the wanted one refers to: both are named', async () => {
  const copies = ['first', 'second'].map(file);
  for (const copy of copies) fs.writeFileSync(copy, random(200_000, 9));
  await done(['pack', ...copies, '-o', file('copies')]);
  const packed = fs.readFileSync(file('copies'));
  packed[100_000]! ^= 1;
  fs.writeFileSync(file('copies'), packed);
  await fails(
    1,
    ['unpack', file('copies'), '--image', 'second', '-o', file('none')],
    /copies: record 1, image 0, .*damaged, its check does not match; image 1 "\S+second" needs it/,
  );
});
