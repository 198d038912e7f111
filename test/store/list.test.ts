// `listSnapshots` reads LMDB's file without the package: it finds what the package finds, or lets it read.
import fs from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'lmdb';
import { expect, test } from 'vitest';
import { bytesSource } from '../../src/image/memory.js';
import { PLAIN_RECORDS } from '../../src/store/encryption/record-cipher.js';
import { listSnapshots } from '../../src/store/list.js';
import { type LmdbEntry, readLmdbEntries } from '../../src/store/lmdb-file.js';
import { loadLmdb } from '../../src/store/load-lmdb.js';
import { readSnapshotInfo, SNAPSHOTS } from '../../src/store/snapshot-info.js';
import { seeded } from '../support/kernels.js';
import { PAGE, storeFolder } from './support.js';

const stores = storeFolder();
const FILE = join('meta', 'data.mdb');

/** The entries of a database as the package reads them, in hexadecimal. */
function expected(db: Database<Uint8Array, string>): [string, string][] {
  return [...db.getRange({ snapshot: false })].map(({ key, value }) => [key, hex(value)]);
}

function found(path: string, name: string): [string, string][] | undefined {
  return readLmdbEntries(path, name)?.map(({ key, value }) => [Buffer.from(key).toString(), hex(value)]);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

test('entries of random sizes, after each of many transactions', async () => {
  const path = join(stores.path, 'random.mdb');
  const root = loadLmdb().open({ path, encoding: 'binary', cache: false, maxDbs: 8 });
  const open = (name: string) =>
    root.openDB({ name, encoding: 'binary', cache: false }) as Database<Uint8Array, string>;
  const [names, others] = [open('names'), open('others')];
  const random = seeded(18);
  const keys = new Set<string>();
  expect(found(path, 'names')).toEqual([]);
  for (let round = 0; round < 60; round++) {
    root.transactionSync(() => {
      for (let i = random() % 60; i >= 0; i--) {
        const key = `key-${random() % 500}`.padEnd(4 + (random() % 120), 'x');
        const bytes = new Uint8Array(random() % (i === 0 ? 20_000 : 400)).fill(random());
        keys.add(key);
        names.putSync(key, bytes);
        others.putSync(key, bytes.subarray(0, 3));
      }
      for (const key of keys) if (random() % 10 === 0 && keys.delete(key)) names.removeSync(key);
    });
    expect(found(path, 'names')).toEqual(expected(names));
  }
  expect(found(path, 'names')!.length).toBeGreaterThan(200);
  expect(found(path, 'others')).toEqual(expected(others));
  expect(found(path, 'none')).toBeUndefined();
  await root.close();
});

test('a damaged or shortened file is left to the package, or its records are right or damaged', async () => {
  const store = await stores.create();
  for (let i = 0; i < 40; i++)
    await store.put(bytesSource(new Uint8Array(PAGE), 'zero'), { name: `zero-${i}`, labels: { i: `${i}` } });
  await store.close();
  const good = fs.readFileSync(join(store.dir, FILE));
  const right = new Set(readLmdbEntries(join(store.dir, FILE), SNAPSHOTS)?.map(info));
  expect(right.size).toBe(40);
  const path = join(stores.path, 'damaged.mdb');
  const random = seeded(19);
  let [left, damaged] = [0, 0];
  for (let i = 0; i < 1000; i++) {
    const bytes = i % 20 === 0 ? good.subarray(0, random() % good.length) : Buffer.from(good);
    // The first bytes of a page have its header or a tree, and offsets of nodes.
    const page = PAGE * (random() % Math.ceil(bytes.length / PAGE));
    if (i % 20 > 0) bytes[page + (random() % (i % 3 ? 200 : PAGE))]! ^= 1 << (random() % 8);
    fs.writeFileSync(path, bytes);
    const entries = readLmdbEntries(path, SNAPSHOTS);
    if (!entries) left++;
    const infos = entries?.map(info) ?? [];
    for (const one of infos) if (one === undefined) damaged++;
    const read = infos.filter((one) => one !== undefined);
    expect(read.filter((one) => !right.has(one))).toEqual([]);
    expect(new Set(read).size).toBe(read.length);
  }
  expect(left).toBeGreaterThan(50);
  expect(damaged).toBeGreaterThan(0);
});

/** The text of an entry's record; undefined if the record is damaged. */
function info({ key, value }: LmdbEntry): string | undefined {
  try {
    return JSON.stringify(readSnapshotInfo(PLAIN_RECORDS, Buffer.from(key).toString(), value));
  } catch {
    return undefined;
  }
}

test('the same list as by the open store, encrypted or not, and the same error for a damaged record', async () => {
  const store = await stores.create();
  await store.put(bytesSource(new Uint8Array(PAGE), 'x'), { name: 'b', created: new Date(2e12) });
  await store.put(bytesSource(new Uint8Array(PAGE).fill(1), 'x'), {
    name: 'a',
    parent: 'b',
    labels: { k: 'v' },
  });
  expect(await listSnapshots(store.dir)).toEqual(store.list());
  await store.close();
  const path = join(store.dir, FILE);
  const bytes = fs.readFileSync(path);
  for (let at = bytes.indexOf('"labels":{"k"'); at >= 0; at = bytes.indexOf('"labels":{"k"', at + 1))
    bytes[at + 1]! ^= 1;
  fs.writeFileSync(path, bytes);
  await expect(listSnapshots(store.dir)).rejects.toThrow(/snapshot a: its record is damaged/);
});
