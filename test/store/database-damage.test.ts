// A database that is missing or damaged is an error before LMDB opens it: LMDB creates a missing file, with
// which the next writer removes all packs, and trusts every number of a damaged one.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withStore } from '../../src/cli/store/options.js';
import { bytesSource } from '../../src/image/memory.js';
import { listSnapshots } from '../../src/store/list.js';
import { lmdbDamage } from '../../src/store/lmdb-file.js';
import { loadLmdb } from '../../src/store/load-lmdb.js';
import { openStore } from '../../src/store.js';
import { CLI, cli } from '../cli/cli.js';
import { run } from '../image/support.js';
import { guestImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';
import { PAGE, storeFolder } from './support.js';

const stores = storeFolder();
const image = guestImage(PAGE, 1).slice(0, 60 * PAGE);
const store = await stores.create();
await store.put(bytesSource(image, 'a'), { name: 'a' });
await store.put(bytesSource(image.slice(PAGE), 'b'), { name: 'b' });
await store.close();

let copies = 0;
function copyOf(): string {
  const path = join(stores.path, `copy-${copies++}`);
  fs.cpSync(store.dir, path, { recursive: true });
  return path;
}

test('errors of LMDB itself name the store and the check', async () => {
  const dir = copyOf();
  const work = async () => {
    throw new Error('MDB_CORRUPTED: Located page was wrong type');
  };
  await expect(withStore({ store: dir, 'key-file': undefined }, work)).rejects.toThrow(
    `${dir}: cannot read the database: MDB_CORRUPTED: Located page was wrong type; run store check`,
  );
});

describe('a database that is missing or no file', () => {
  const kinds: Record<string, [(path: string) => void, RegExp]> = {
    removed: [() => {}, /does not exist/],
    empty: [(path) => fs.writeFileSync(path, ''), /is empty/],
    'a directory': [(path) => fs.mkdirSync(path), /is no regular file/],
    'a FIFO': [(path) => run('mkfifo', [path]), /is no regular file/],
    'a link to itself': [(path) => fs.symlinkSync(path, path), /ELOOP/],
    'of the lock file only': [(path) => fs.writeFileSync(path, new Uint8Array(8192)), /its head is damaged/],
  };
  for (const [name, [make, expected]] of Object.entries(kinds))
    test(`${name}: every operation names it, and no pack is removed`, async () => {
      const dir = copyOf();
      const path = join(dir, 'meta', 'data.mdb');
      fs.rmSync(path);
      make(path);
      const problem = (run: Promise<unknown>) => expect(run).rejects.toThrow(expected);
      await problem(openStore(dir));
      await problem(listSnapshots(dir));
      await expect(openStore(dir)).rejects.toThrow(path);
      expect(fs.statSync(join(dir, 'packs', '00000001.pack')).size).toBe(
        fs.statSync(join(store.dir, 'packs', '00000001.pack')).size,
      );
    });

  test('a store.json that is no file', async () => {
    for (const make of [fs.mkdirSync, (path: string) => run('mkfifo', [path])]) {
      const dir = copyOf();
      const path = join(dir, 'store.json');
      fs.rmSync(path);
      make(path);
      await expect(openStore(dir)).rejects.toThrow(`${path}: is no regular file`);
    }
  });

  test.each([
    ['', 'is empty (0 bytes)'],
    ['{"pageferry": "sto', 'is not JSON: '],
    ['\0\0\0', 'is not JSON: '],
    ['null', 'is not the description of a store'],
    ['{}', 'is not the description of a store'],
    ['{"pageferry": "store", "version": 1}', 'its check differs: the file was changed or is damaged'],
  ])('a store.json of the content %j', async (content, found) => {
    const dir = copyOf();
    const path = join(dir, 'store.json');
    fs.writeFileSync(path, content);
    const remedy = 'the store cannot be opened without it: restore it from a copy of the store';
    for (const read of [openStore, listSnapshots]) {
      const { message } = await read(dir).then(
        () => expect.unreachable(),
        (error: Error) => error,
      );
      expect(message.startsWith(`${path}: ${found}`), message).toBe(true);
      expect(message.endsWith(`; ${remedy}`), message).toBe(true);
    }
  });

  test('a lock file that is no file', async () => {
    for (const make of [fs.mkdirSync, (path: string) => fs.symlinkSync(path, path)]) {
      const dir = copyOf();
      const path = join(dir, 'meta', 'lock.mdb');
      fs.rmSync(path);
      make(path);
      await expect(openStore(dir)).rejects.toThrow(`${path}: is no regular file; remove it`);
    }
  });
});

test('a database that is truncated, or whose pages are cleared or changed', () => {
  const dir = copyOf();
  const path = join(dir, 'meta', 'data.mdb');
  const right = fs.readFileSync(path);
  expect(lmdbDamage(path, true)).toBeUndefined();
  const random = seeded(7);
  let found = 0;
  for (let i = 0; i < 300; i++) {
    const bytes = Buffer.from(right);
    const page = (random() % (right.length / PAGE)) * PAGE;
    if (i % 3 === 0) bytes.fill(i % 2 ? 0 : 0xff, page, page + PAGE);
    else bytes[page + (random() % 64)]! ^= 1 << (random() % 8);
    fs.writeFileSync(path, bytes);
    const damage = lmdbDamage(path, true);
    expect(damage ?? 'page 1 is damaged').toMatch(/ (is|are) damaged$/);
    if (damage !== undefined) found++;
  }
  // The others are in pages that are free, in keys and in values, which have checks of their own.
  expect(found).toBeGreaterThan(80);
  for (let bytes = 0; bytes < right.length / 2; bytes += 5000) {
    fs.writeFileSync(path, right.subarray(0, bytes));
    expect(lmdbDamage(path, false), `${bytes} bytes`).toMatch(/is damaged$/);
  }
});

test('the command ends with a message where LMDB would end by a signal', async () => {
  const dir = copyOf();
  const path = join(dir, 'meta', 'data.mdb');
  fs.truncateSync(path, 5 * PAGE);
  for (const command of [['check'], ['get', 'a', '-o', join(dir, 'out')], ['gc'], ['rm', 'a']]) {
    const result = await cli(['store', ...command, '-s', dir]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(
      /meta\/data\.mdb: page \d+ is damaged; the packs cannot be read without it: restore meta from a copy/,
    );
  }
  expect(fs.readdirSync(dir).sort()).toEqual(['meta', 'packs', 'store.json']);
});

test('a large database is verified by check, not when it is opened', async () => {
  const path = join(stores.path, 'large.mdb');
  const root = loadLmdb().open({ path, encoding: 'binary', cache: false, maxDbs: 8 });
  const table = root.openDB<Uint8Array, number>({
    name: 'frames',
    encoding: 'binary',
    keyEncoding: 'uint32',
  });
  root.transactionSync(() => {
    for (let key = 0; key < 9000; key++) table.putSync(key, new Uint8Array(1900).fill(key));
  });
  await root.close();
  const bytes = fs.readFileSync(path);
  expect(bytes.length).toBeGreaterThan(16 << 20);
  expect(lmdbDamage(path, true)).toBeUndefined();
  const leaf = 20 * PAGE;
  expect(bytes.readUInt16LE(leaf + 18)).toBe(2);
  bytes.fill(0, leaf, leaf + PAGE);
  fs.writeFileSync(path, bytes);
  expect(lmdbDamage(path, false)).toBeUndefined();
  expect(lmdbDamage(path, true)).toBe('page 20 is damaged');
});

test('pages that were given back while a writer works are not damage', async () => {
  const opened = await openStore(copyOf());
  const path = join(opened.dir, 'meta', 'data.mdb');
  for (let i = 0; i < 12; i++) {
    await opened.put(bytesSource(image.slice(0, (i + 1) * PAGE), 'c'), { name: `c${i}` });
    expect(lmdbDamage(path, true)).toBeUndefined();
    if (i % 3 === 2) {
      await opened.remove([`c${i}`, `c${i - 1}`]);
      await opened.gc({ freeShare: 0 });
      expect(lmdbDamage(path, true)).toBeUndefined();
    }
  }
  await opened.close();
});

test('a pack that is missing or a FIFO: get leaves no file, and the store is named once', async () => {
  for (const make of [() => {}, (path: string) => run('mkfifo', [path])]) {
    const dir = copyOf();
    const pack = join(dir, 'packs', '00000001.pack');
    fs.rmSync(pack);
    make(pack);
    const result = await cli(['store', 'get', 'a', '-s', dir, '-o', join(dir, 'out')]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/00000001\.pack:? (does not exist|is no regular file)/);
    const exported = await cli(['store', 'export', 'a', '-s', dir, '-o', join(dir, 'out')]);
    expect(exported.code).toBe(1);
    expect(exported.stderr.split(dir)).toHaveLength(2);
    expect(fs.readdirSync(dir).sort()).toEqual(['meta', 'packs', 'store.json']);
  }
});

test('a pack that cannot be opened leaves no descriptor open', async () => {
  const store = await stores.create({ packBytes: 65536 });
  await store.put(bytesSource(new Uint8Array(randomBytes(64 * PAGE)), 'a'), { name: 'a' });
  const packs = join(store.dir, 'packs');
  const names = fs.readdirSync(packs).sort();
  expect(names.length).toBeGreaterThan(2);
  fs.rmSync(join(packs, names.at(-1)!));
  fs.mkdirSync(join(packs, names.at(-1)!));
  await expect(store.open(['a'])).rejects.toThrow('is no regular file');
  const files = spawnSync('ls', ['-l', `/proc/${process.pid}/fd`], { encoding: 'utf8' }).stdout;
  expect(files).toContain(join(store.dir, 'meta', 'data.mdb'));
  expect(files).not.toContain(packs);
  await store.close();
});

test('a key file that is a pipe is read once', () => {
  const dir = join(stores.path, 'piped-key');
  const command = `"${process.execPath}" "${CLI}" store init "${dir}" --key-file <(head -c 32 /dev/zero)`;
  const { status, stderr } = spawnSync('bash', ['-c', command], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});
