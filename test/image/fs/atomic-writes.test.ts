import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { createAtomicWriter } from '../../../src/image/fs/atomic-file.js';
import { MAX_OPEN_FILES, OpenFile } from '../../../src/image/fs/open-file.js';
import { fileNames, folderMaker, randomBytes, testFolder } from '../support.js';

const newFolder = folderMaker(testFolder());
const newPath = () => join(newFolder(), 'guest.pf');
const namesBeside = (path: string) => fileNames(join(path, '..'));

afterEach(() => {
  vi.restoreAllMocks();
});

test('two writes of a file overlap, each where it belongs, and a third is refused', async () => {
  const path = newPath();
  const writer = createAtomicWriter(path);
  expect(writer.maxWrites).toBe(2);
  const ends: (() => void)[] = [];
  const { writev } = fs;
  vi.spyOn(fs, 'writev').mockImplementation(((...call: Parameters<typeof writev>) => {
    ends.push(() => writev(...call));
  }) as typeof fs.writev);
  const pieces = Array.from({ length: 4 }, (_, i) => randomBytes(100_000 + i, i));
  const first = writer.write(pieces[0]!, pieces[1]!);
  const second = writer.write(pieces[2]!, pieces[3]!);
  await expect(writer.write(randomBytes(10, 7))).rejects.toThrow(/[12] calls have not ended, await one/);
  await expect(writer.commit()).rejects.toThrow(/[12] calls have not ended, await one/);
  await vi.waitFor(() => expect(ends).toHaveLength(2));
  ends[1]!();
  await second;
  ends[0]!();
  await first;
  await writer.commit();
  expect(fs.readFileSync(path).equals(Buffer.concat(pieces))).toBe(true);
});

test('one of two writes that fails takes the other with it, and nothing is left', async () => {
  const path = newPath();
  const writer = createAtomicWriter(path);
  const { write } = fs;
  let calls = 0;
  vi.spyOn(fs, 'write').mockImplementation(((...call: Parameters<typeof write>) => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    if (++calls === 1) (call.at(-1) as (error: Error) => void)(full);
  }) as typeof fs.write);
  const writes = [writer.write(randomBytes(1000, 1)), writer.write(randomBytes(2000, 2))];
  for (const one of writes)
    await expect(one).rejects.toThrow(`${path}: cannot write 1000 bytes: no space left on device (ENOSPC)`);
  expect(namesBeside(path)).toEqual([]);
});

test('a file that was closed between two writes, for others that are open, goes on where it was', async () => {
  const path = newPath();
  const writer = createAtomicWriter(path);
  const pieces = [randomBytes(5000, 1), randomBytes(7000, 2)];
  await writer.write(pieces[0]!);
  const other = newPath();
  fs.writeFileSync(other, 'x');
  const others = Array.from({ length: MAX_OPEN_FILES }, () => OpenFile.open(other, other, 'r'));
  await writer.write(pieces[1]!);
  for (const file of others) file.close();
  await writer.commit();
  expect(fs.readFileSync(path).equals(Buffer.concat(pieces))).toBe(true);
});

test('a write during a commit is refused, and the file has what was written before', async () => {
  const path = newPath();
  const writer = createAtomicWriter(path);
  const piece = randomBytes(1000, 1);
  await writer.write(piece);
  const committing = writer.commit();
  await expect(writer.write(randomBytes(10, 2))).rejects.toThrow('1 calls have not ended, await one');
  await committing;
  expect(fs.readFileSync(path).equals(piece)).toBe(true);
});

test('two writes of a pipe at a time are refused', async () => {
  const writer = createAtomicWriter('/dev/null');
  expect(writer.maxWrites).toBe(1);
  const first = writer.write(randomBytes(1000, 6));
  await expect(writer.write(randomBytes(10, 7))).rejects.toThrow(/[12] calls have not ended, await one/);
  await first;
  await writer.commit();
});

test.each([
  ['a full disk', 3, 'is a mount point, which is overwritten in place: it needs 20000 bytes, '],
  ['a disk with space', 1000, undefined],
])('a mount point on %s', async (_, freeBlocks, message) => {
  const path = newPath();
  fs.writeFileSync(path, 'old');
  vi.spyOn(fs, 'renameSync').mockImplementation(() => {
    throw Object.assign(new Error('EBUSY: resource busy or locked, rename'), { code: 'EBUSY' });
  });
  vi.spyOn(fs, 'statfsSync').mockReturnValue({ bavail: freeBlocks, bsize: 1024 } as fs.StatsFs);
  const writer = createAtomicWriter(path);
  await writer.write(randomBytes(20_000, 1));
  if (message === undefined) await writer.commit();
  else await expect(writer.commit()).rejects.toThrow(`${path}: ${message}`);
  expect(fs.statSync(path).size).toBe(message === undefined ? 20_000 : 3);
  expect(namesBeside(path)).toEqual(['guest.pf']);
});

test('a part that is not a Uint8Array is refused, and nothing of it is written', async () => {
  const path = newPath();
  const writer = createAtomicWriter(path);
  const words = new Uint16Array(4) as unknown as Uint8Array;
  await expect(writer.write(randomBytes(10, 1), words)).rejects.toThrow(
    `${path}: part 1 of a write is not a Uint8Array`,
  );
  expect(namesBeside(path)).toEqual([]);
});
