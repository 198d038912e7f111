import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { createAtomicWriter } from '../../../src/image/fs/atomic-file.js';
import { fileNames, folderMaker, testFolder } from '../support.js';

const newFolder = folderMaker(testFolder());
const newPath = () => join(newFolder(), 'guest.pf');
const namesBeside = (path: string) => fileNames(join(path, '..'));

afterEach(() => {
  vi.restoreAllMocks();
});

test('a long file is synced while it is written, one sync at a time, and at its end', async () => {
  const path = newPath();
  const ends: (() => void)[] = [];
  const { fsync } = fs;
  vi.spyOn(fs, 'fsync').mockImplementation(((fd: number, done: fs.NoParamCallback) => {
    ends.push(() => fsync(fd, done));
  }) as typeof fs.fsync);
  const writer = createAtomicWriter(path);
  const piece = new Uint8Array(8 << 20);
  for (const syncs of [0, 0, 0, 1, 1, 1, 1, 1]) {
    await writer.write(piece);
    expect(ends).toHaveLength(syncs);
  }
  const commit = writer.commit();
  for (let next = 0; next < 3; next++) {
    await vi.waitFor(() => expect(ends).toHaveLength(next + 1));
    ends[next]!();
  }
  await commit;
  expect(fs.statSync(path).size).toBe(64 << 20);
});

test.each(['the next write', 'commit'])('a sync that fails beside the writes fails %s', async (call) => {
  const path = newPath();
  let syncs = 0;
  const { fsync } = fs;
  vi.spyOn(fs, 'fsync').mockImplementation(((fd: number, done: fs.NoParamCallback) => {
    const error = Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
    if (++syncs > 1) fsync(fd, done);
    else setImmediate(done, error);
  }) as typeof fs.fsync);
  const writer = createAtomicWriter(path);
  await writer.write(new Uint8Array(32 << 20));
  if (call !== 'commit') await new Promise((resolve) => setTimeout(resolve, 20));
  const next = call === 'commit' ? writer.commit() : writer.write(new Uint8Array(1));
  await expect(next).rejects.toThrow(`${path}: cannot store the file: i/o error (EIO)`);
  expect(namesBeside(path)).toEqual([]);
});

test('an abort during a sync leaves nothing, and closes the file after it', async () => {
  const path = newPath();
  let end: () => void = () => {};
  let descriptor = -1;
  vi.spyOn(fs, 'fsync').mockImplementation(((fd: number, done: fs.NoParamCallback) => {
    descriptor = fd;
    end = () => done(null);
  }) as typeof fs.fsync);
  const writer = createAtomicWriter(path);
  await writer.write(new Uint8Array(32 << 20));
  writer.abort();
  expect(namesBeside(path)).toEqual([]);
  expect(() => fs.fstatSync(descriptor)).not.toThrow();
  end();
  await vi.waitFor(() => expect(() => fs.fstatSync(descriptor)).toThrow('EBADF'));
});
