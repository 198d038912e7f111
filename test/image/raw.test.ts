import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFileSource } from '../../src/image/raw.js';
import { asNobody, hasProgram, isRoot, randomBytes, readAll, run, testFolder } from './support.js';

const folder = testFolder();

function makeFile(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  fs.writeFileSync(path, bytes);
  return path;
}

test('a raw file is read in order by any step, and anywhere', async () => {
  const bytes = randomBytes(100_003, 1);
  const path = makeFile('guest.raw', bytes);
  for (const step of [1000, 4096, 65536, 1 << 20]) {
    const source = openFileSource(path);
    expect(source.bytes).toBe(bytes.length);
    expect((await readAll(source, step)).equals(bytes)).toBe(true);
    const into = new Uint8Array(5000);
    expect(source.readAt!(into, 50_000)).toBe(5000);
    expect(Buffer.compare(into, bytes.subarray(50_000, 55_000))).toBe(0);
    expect(source.readAt!(into, 100_000)).toBe(3);
    expect(source.readAt!(into, 1e9)).toBe(0);
    expect(() => source.readAt!(into, -1)).toThrow('expected a position in bytes, got -1');
    source.close();
    await expect(source.read(into)).resolves.toBe(0);
  }
});

test('reads go straight into a WebAssembly memory', async () => {
  const bytes = randomBytes(65536, 2);
  const source = openFileSource(makeFile('wasm.raw', bytes));
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 2 });
  expect(await source.read(new Uint8Array(memory.buffer, 4096, 65536))).toBe(65536);
  expect(Buffer.from(memory.buffer, 4096, 65536).equals(bytes)).toBe(true);
  expect(new Uint8Array(memory.buffer, 0, 4096).every((byte) => byte === 0)).toBe(true);
  source.close();
});

test('reads that are under way together give each its own part', async () => {
  const bytes = randomBytes(1 << 20, 3);
  const source = openFileSource(makeFile('ahead.raw', bytes));
  const parts = Array.from({ length: 4 }, () => Buffer.alloc(1 << 18));
  await Promise.all(parts.map((part) => source.read(part)));
  expect(Buffer.concat(parts).equals(bytes)).toBe(true);
  source.close();
});

test('holes and an empty file', async () => {
  const path = join(folder, 'sparse.raw');
  fs.writeFileSync(path, 'head');
  fs.truncateSync(path, 3 << 20);
  const sparse = openFileSource(path);
  const image = await readAll(sparse);
  expect(image.length).toBe(3 << 20);
  expect(image.subarray(0, 4).toString()).toBe('head');
  expect(image.subarray(4).every((byte) => byte === 0)).toBe(true);
  sparse.close();
  const empty = openFileSource(makeFile('empty.raw', new Uint8Array(0)));
  expect(empty.bytes).toBe(0);
  expect((await readAll(empty)).length).toBe(0);
  empty.close();
});

test('what cannot be opened says why, once', () => {
  expect(() => openFileSource(folder)).toThrow(`${folder}: expected a memory image, got a directory`);
  const missing = join(folder, 'missing.raw');
  expect(() => openFileSource(missing)).toThrow(`${missing}: cannot open: ENOENT: no such file or directory`);
  expect(() => openFileSource(missing)).toThrow(
    expect.objectContaining({ code: 'io', name: 'PageferryError' }),
  );
});

test.skipIf(!isRoot)('a file of someone else (only root can try: skipped for others)', () => {
  const path = makeFile('secret.raw', new Uint8Array(10));
  fs.chmodSync(path, 0o600);
  fs.chmodSync(folder, 0o755);
  expect(() => asNobody(() => openFileSource(path))).toThrow(
    `${path}: cannot open: EACCES: permission denied`,
  );
});

test('a file cut short while it is read is an error, one that grows ends where it did', async () => {
  const path = makeFile('cut.raw', randomBytes(10_000, 4));
  const source = openFileSource(path);
  fs.truncateSync(path, 5000);
  await expect(source.read(Buffer.alloc(8192))).rejects.toThrow(
    `${path}: expected 8192 bytes at 0, got 5000: the file was cut short while it was read`,
  );
  source.close();
  const growing = openFileSource(path);
  fs.appendFileSync(path, Buffer.alloc(100));
  expect((await readAll(growing, 4096)).length).toBe(5000);
  growing.close();
});

test('closing with a read under way lets it end', async () => {
  const bytes = randomBytes(8 << 20, 5);
  const source = openFileSource(makeFile('closing.raw', bytes));
  const into = Buffer.alloc(bytes.length);
  const reading = source.read(into);
  source.close();
  source.close();
  const others = Array.from({ length: 8 }, () => fs.openSync('/dev/zero', 'r'));
  expect(await reading).toBe(bytes.length);
  expect(into.equals(bytes)).toBe(true);
  for (const fd of others) fs.closeSync(fd);
});

test.skipIf(!hasProgram('mkfifo'))(
  'a pipe is read in order, in whole steps however it trickles (skipped without mkfifo)',
  async () => {
    const fifo = join(folder, 'fifo');
    run('mkfifo', [fifo]);
    const bytes = randomBytes(1_000_001, 6);
    const path = makeFile('piped.raw', bytes);
    const source = openFileSource(fifo);
    expect(source.bytes).toBeUndefined();
    expect(source.readAt).toBeUndefined();
    const reading = readAll(source, 300_000);
    const writer = spawn('sh', [
      '-c',
      '(head -c 7 "$1"; sleep 0.1; tail -c +8 "$1") > "$2"',
      'sh',
      path,
      fifo,
    ]);
    const ended = once(writer, 'close');
    expect((await reading).equals(bytes)).toBe(true);
    await ended;
    source.close();
    await expect(source.read(Buffer.alloc(1))).rejects.toThrow('read after it was closed');
  },
);
