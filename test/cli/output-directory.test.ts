// `-o PATH/`.
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesOf, writePagemap } from '../image/criu-support.js';
import { testFolder } from '../image/support.js';
import { random } from './cli.js';
import { done, fails } from './in-process.js';

const folder = testFolder();
const file = (name: string) => join(folder, name);
const [one, two, made] = [file('one.pfy'), file('two.pfy'), file('made/')];

test('a path that ends in / is a directory, for one image as for several', async () => {
  fs.writeFileSync(file('a.raw'), random(8192, 1));
  await done(['pack', file('a.raw'), '-o', one]);
  await done(['pack', file('a.raw'), file('a.raw'), '-o', two]);
  // Created for the first, there for the others.
  for (const [packed, images] of [
    [one, '1 image'],
    [one, '1 image'],
    [two, '2 images'],
  ] as const) {
    const { stdout } = await done(['unpack', packed, '-o', made]);
    expect(stdout.toString()).toMatch(
      new RegExp(`identical.*\\nwrote ${images} to the directory ${made}\\n$`),
    );
  }
  expect(fs.readdirSync(made)).toEqual(['000.raw', '001.raw']);
  expect(fs.readFileSync(file('made/001.raw')).equals(random(8192, 1))).toBe(true);
});

test('a path that ends in / is refused where only a file is written, and if it is a file', async () => {
  const before = fs.readdirSync(folder);
  const refusal = /none\/: names a directory; name a file to write\n$/;
  await fails(1, ['unpack', one, '-o', file('none/'), '--image', '0'], refusal);
  await fails(1, ['pack', file('a.raw'), '-o', file('none/')], refusal);
  await fails(1, ['unpack', one, '-o', `${two}/`], /two\.pfy\/: cannot write: not a directory \(ENOTDIR\)/);
  expect(fs.readdirSync(folder)).toEqual(before);
});

test('one image that is a directory gets its name in a path that ends in /, unless it was chosen', async () => {
  writePagemap(file('checkpoint'), '7', 1, [{ address: 0x1000n, pages: random(4096, 2) }]);
  await done(['pack', file('checkpoint'), '-o', file('criu.pfy')]);
  for (const output of ['restored/', 'restored']) {
    await done(['unpack', file('criu.pfy'), '-o', file(output), '--image', '0']);
    expect(filesOf(file('restored'))).toEqual(filesOf(file('checkpoint')));
    fs.rmSync(file('restored'), { recursive: true });
  }
  await done(['unpack', file('criu.pfy'), '-o', file('restored/')]);
  expect(filesOf(file('restored/checkpoint'))).toEqual(filesOf(file('checkpoint')));
});
