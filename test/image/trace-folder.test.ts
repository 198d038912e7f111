import fs from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { traceImages } from '../../src/image/trace-folder.js';
import { folderMaker, testFolder } from './support.js';

const newFolder = folderMaker(testFolder());

function directoryOf(...names: string[]): string {
  const directory = newFolder();
  for (const name of names) fs.writeFileSync(join(directory, name), 'image');
  return directory;
}

const namesIn = (directory: string) => traceImages(directory).map((path) => basename(path));

test('the files of a directory in the order of the numbers in their names', () => {
  const names = ['1.raw', '2.raw', '10.raw', '100.raw'];
  expect(namesIn(directoryOf(...[...names].reverse()))).toEqual(names);
  const padded = ['000.raw', '001.raw', '999.raw', '1000.raw'];
  expect(namesIn(directoryOf(...padded))).toEqual(padded);
  const mixed = ['a-2-b-10', 'a-10-b-2', 'a-10-b-9', 'b-1'];
  expect(namesIn(directoryOf(...mixed))).toEqual(mixed);
});

test('only *.raw if there are any, and no hidden files or directories', () => {
  const directory = directoryOf('000.raw', '001.raw', 'notes.txt', '.002.raw');
  fs.mkdirSync(join(directory, '003.raw'));
  expect(namesIn(directory)).toEqual(['000.raw', '001.raw']);
  expect(namesIn(directoryOf('b.core', 'a.core'))).toEqual(['a.core', 'b.core']);
});

test('an entry that cannot be used is skipped and reported', () => {
  const directory = directoryOf('000.raw', '001.raw');
  fs.symlinkSync('gone', join(directory, 'latest'));
  const notUtf8 = Buffer.concat([Buffer.from(`${directory}/g`), Buffer.from([0xdf]), Buffer.from('.raw')]);
  fs.writeFileSync(notUtf8, 'image');
  const skipped: string[] = [];
  const images = traceImages(directory, { onSkip: (name, reason) => skipped.push(`${name}: ${reason}`) });
  expect(images.map((path) => basename(path))).toEqual(['000.raw', '001.raw']);
  expect(skipped.sort()).toEqual([
    'g\ufffd.raw: its name is not UTF-8',
    'latest: no such file or directory (ENOENT)',
  ]);
});

test('a directory without images, or none at all, is an error', () => {
  const empty = newFolder();
  expect(() => traceImages(empty)).toThrow(`${empty}: has no images; expected 000.raw, 001.raw, ...`);
  const missing = join(empty, 'missing');
  expect(() => traceImages(missing)).toThrow(
    `${missing}: cannot read the directory: no such file or directory (ENOENT)`,
  );
});
