import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createAtomicWriter } from '../../../src/image/fs/atomic-file.js';
import { fileNames, folderMaker, hasProgram, randomBytes, run, testFolder } from '../support.js';

const newFolder = folderMaker(testFolder());
const newPath = () => join(newFolder(), 'guest.pf');
const namesBeside = (path: string) => fileNames(join(path, '..'));

test('the file has its name only after commit', async () => {
  const path = newPath();
  const writer = createAtomicWriter(path);
  const chunks = [randomBytes(1, 1), randomBytes(100_000, 2), randomBytes(3 << 20, 3)];
  for (const chunk of chunks) await writer.write(chunk);
  expect(namesBeside(path)).toEqual([expect.stringMatching(/^\.guest\.pf\.partial-[0-9a-f]{12}$/)]);
  await writer.commit();
  expect(namesBeside(path)).toEqual(['guest.pf']);
  expect(fs.readFileSync(path).equals(Buffer.concat(chunks))).toBe(true);
  await expect(writer.write(chunks[0]!)).rejects.toThrow('used after it was closed');
  await expect(writer.commit()).rejects.toThrow('used after it was closed');
  writer.abort();
  expect(fs.existsSync(path)).toBe(true);
});

test('abort leaves nothing, also with a write under way', async () => {
  const path = newPath();
  fs.writeFileSync(path, 'the old one');
  const idle = createAtomicWriter(path);
  await idle.write(randomBytes(1000, 4));
  idle.abort();
  const busy = createAtomicWriter(path);
  const writing = busy.write(randomBytes(8 << 20, 5));
  busy.abort();
  expect(namesBeside(path)).toEqual(['guest.pf']); // at once: the program may be about to exit
  await writing;
  await expect(busy.commit()).rejects.toThrow('used after it was closed');
  expect(namesBeside(path)).toEqual(['guest.pf']);
  expect(fs.readFileSync(path, 'utf8')).toBe('the old one');
});

test('two writes at once are refused, as their order would be open', async () => {
  const path = newPath();
  const writer = createAtomicWriter(path);
  const first = writer.write(randomBytes(1 << 20, 6));
  await expect(writer.write(randomBytes(10, 7))).rejects.toThrow('the write before has not ended');
  await first;
  await writer.commit();
  expect(fs.statSync(path).size).toBe(1 << 20);
});

test('a commit that fails leaves nothing', async () => {
  const path = newPath();
  const writer = createAtomicWriter(path);
  fs.mkdirSync(path);
  await expect(writer.commit()).rejects.toThrow(`${path}: cannot finish: E`);
  expect(namesBeside(path)).toEqual(['guest.pf']);
  expect(fs.statSync(path).isDirectory()).toBe(true);
  expect(() => createAtomicWriter(path)).toThrow('is a directory, not a file to write');
});

test.skipIf(!fs.existsSync('/dev/full'))(
  'a write that fails ends it (skipped without /dev/full)',
  async () => {
    const writer = createAtomicWriter('/dev/full');
    await expect(writer.write(new Uint8Array(10))).rejects.toThrow(
      '/dev/full: cannot write 10 bytes: ENOSPC',
    );
    await expect(writer.commit()).rejects.toThrow('used after it failed');
    writer.abort();
    expect(fs.statSync('/dev/full').isCharacterDevice()).toBe(true);
  },
);

test('/dev/null', async () => {
  const writer = createAtomicWriter('/dev/null');
  await writer.write(new Uint8Array(10));
  await writer.commit();
  expect(fs.statSync('/dev/null').isCharacterDevice()).toBe(true);
});

test.skipIf(!hasProgram('mkfifo'))(
  'a pipe holds its writer back, and says when its reader has gone (skipped without mkfifo)',
  async () => {
    const path = newPath();
    run('mkfifo', [path]);
    const reader = spawn('sh', [
      '-c',
      'exec 3< "$1"; sleep 0.3; head -c 200000 <&3 > "$2"',
      'sh',
      path,
      `${path}.copy`,
    ]);
    const ended = once(reader, 'close');
    const writer = createAtomicWriter(path);
    const bytes = randomBytes(100_000, 8);
    let wrote = false;
    const first = writer.write(bytes).then(() => {
      wrote = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(wrote).toBe(false);
    await first;
    await writer.write(bytes);
    await ended;
    await expect(writer.write(bytes)).rejects.toThrow(`${path}: closed by its reader`);
    writer.abort();
    expect(fs.readFileSync(`${path}.copy`).equals(Buffer.concat([bytes, bytes]))).toBe(true);
  },
);

test.skipIf(!hasProgram('mkfifo'))(
  'a pipe that gets nothing is opened all the same (skipped without mkfifo)',
  async () => {
    const path = newPath();
    run('mkfifo', [path]);
    const ended = once(spawn('cat', [path]), 'close');
    await createAtomicWriter(path).commit();
    expect((await ended)[0]).toBe(0);
  },
);
