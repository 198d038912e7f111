// What a failure, such as that of a full disk, leaves behind: nothing that takes space.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { createStore } from '../../src/store.js';
import { guestImage } from '../support/images.js';
import { imageOf, PAGE, storeFolder } from './support.js';

const folder = storeFolder();

test('a failed put removes the bytes that it has written to packs', async () => {
  const store = await folder.create({ packBytes: 1 << 20 });
  const image = guestImage(PAGE, 1);
  await store.put({ name: 'a', read: readOf(image.subarray(0, 40 * PAGE)) }, { name: 'a' });
  const before = packSizes(store.dir);
  expect(before.length).toBe(1);
  let written = 0;
  const read = readOf(randomBytes(8 << 20));
  const source = {
    name: 'b',
    read(into: Uint8Array) {
      const bytes = read(into);
      written = Math.max(written, ...packSizes(store.dir));
      if (bytes === 0) throw new Error('no space left');
      return bytes;
    },
  };
  await expect(store.put(source, { name: 'b', threads: 1 })).rejects.toThrow('no space left');
  expect(written).toBeGreaterThan(before[0]!);
  expect(packSizes(store.dir)).toEqual(before);
  await store.close();
});

test('gc on a full disk removes the packs without live frames before it copies any', async () => {
  const store = await folder.create({ packBytes: 16 * PAGE });
  const put = (name: string) => store.put({ name, read: readOf(randomBytes(8 * PAGE)) }, { name });
  for (const name of ['a', 'kept', 'b', 'c']) await put(name);
  expect(packSizes(store.dir).length).toBe(2);
  await store.remove(['a', 'b', 'c']);
  const failing = vi.spyOn(fs, 'writevSync').mockImplementation(() => {
    throw Object.assign(new Error('ENOSPC: no space left on device, writev'), { code: 'ENOSPC' });
  });
  await expect(store.gc()).rejects.toThrow(/00000003.pack: cannot write .* \(ENOSPC\)/);
  failing.mockRestore();
  expect(fs.readdirSync(join(store.dir, 'packs'))).toEqual(['00000001.pack']);
  expect((await imageOf(store, 'kept')).length).toBe(8 * PAGE);
  await store.gc();
  expect(fs.readdirSync(join(store.dir, 'packs'))).toEqual(['00000003.pack']);
  await store.close();
});

test('the lock file of a new database has its blocks', async () => {
  const store = await folder.create();
  const { blocks, size } = fs.statSync(join(store.dir, 'meta', 'lock.mdb'));
  expect(blocks * 512).toBeGreaterThanOrEqual(size);
  await store.close();
});

test.skipIf(process.platform !== 'linux')('a store in /proc is refused (Linux only)', async () => {
  // A system call of /proc, which has no folders of its own, says ENOENT though the parent exists.
  await expect(createStore('/proc/pageferry/store')).rejects.toThrow(
    /^\/proc\/pageferry\/store: cannot create: no such file or directory \(ENOENT\)$/,
  );
});

test('a store that cannot be created leaves no file', async () => {
  const dir = join(folder.path, 'outer', 'inner');
  const failing = vi.spyOn(fs, 'writeFileSync').mockImplementation(() => {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  });
  await expect(createStore(dir)).rejects.toThrow(
    /lock.mdb: cannot write .*: no space left on device \(ENOSPC\)/,
  );
  failing.mockRestore();
  expect(fs.existsSync(join(folder.path, 'outer'))).toBe(false);
});

function packSizes(dir: string): number[] {
  const packs = join(dir, 'packs');
  return fs.readdirSync(packs).map((name) => fs.statSync(join(packs, name)).size);
}

function readOf(image: Uint8Array): (into: Uint8Array) => number {
  let next = 0;
  return (into) => {
    const part = image.subarray(next, next + Math.min(into.length, 256 * 1024));
    into.set(part);
    next += part.length;
    return part.length;
  };
}
