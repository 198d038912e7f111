// A page that resembles a page of any snapshot is stored as changes against it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bytesSource } from '../../src/image/memory.js';
import { openDatabase } from '../../src/store/database.js';
import { createStore, openStore, type Store } from '../../src/store.js';
import { seeded } from '../support/kernels.js';
import { imageOf, PAGE, storeFolder } from './support.js';

const PAGES = 64;
const stores = storeFolder();

/** Pages of noise. */
function noise(seed: number, pages = PAGES): Uint8Array {
  const random = seeded(seed);
  return new Uint8Array(pages * PAGE).map(() => random());
}

/** The image with its pages in another order, and a few bytes of each changed. */
function movedImage(image: Uint8Array, seed: number): Uint8Array {
  const random = seeded(seed);
  const moved = new Uint8Array(image.length);
  const pages = image.length / PAGE;
  for (let page = 0; page < pages; page++) {
    const from = ((page * 37 + 11) % pages) * PAGE;
    moved.set(image.subarray(from, from + PAGE), page * PAGE);
    for (let n = 0; n < 5; n++) moved[page * PAGE + (random() % PAGE)] = random();
  }
  return moved;
}

/** Close a store, and return what its database has of deltas and features. */
async function databaseOf(store: Store) {
  const { dir } = store;
  await store.close();
  const db = await openDatabase(dir);
  const records = [...db.frameIds()].map((id) => ({ id, ...db.frame(id)! }));
  const features = db.featureIds().flatMap((id) => db.pageFeatures(id)!);
  await db.close();
  const deltas = records.flatMap((record) => record.deltas);
  const isDelta = (frame: number, slot: number) =>
    records.find(({ id }) => id === frame)!.deltas.some((delta) => delta.slot === slot);
  return { records, deltas, features, isDelta };
}

const first = noise(1);
const second = movedImage(first, 2);
const third = movedImage(second, 3);

for (const parent of ['first', undefined])
  test(`pages that moved are stored as changes, ${parent ? 'with a parent' : 'without a parent'}`, async () => {
    const store = await stores.create();
    await store.put(bytesSource(first, 'first'), { name: 'first' });
    for (const [name, image] of [
      ['second', second],
      ['third', third],
    ] as const) {
      const info = await store.put(bytesSource(image, name), { name, ...(parent && { parent }) });
      expect(info.newPages).toBe(PAGES);
      expect(info.storedBytes).toBeLessThan(image.length / 10);
    }
    expect((await store.check({ readData: true })).problems).toEqual([]);
    for (const [name, image] of Object.entries({ first, second, third }))
      expect(Buffer.compare(await imageOf(store, name), image)).toBe(0);
    const { deltas, isDelta } = await databaseOf(store);
    expect(deltas.length).toBeGreaterThan(1.9 * PAGES);
    expect(deltas.filter(({ baseFrame, baseSlot }) => isDelta(baseFrame, baseSlot))).toEqual([]);
  });

test('a similar page of the same image is a base, before a transaction has stored it', async () => {
  const image = new Uint8Array(Buffer.concat([noise(4, 256), movedImage(noise(4, 256), 5)]));
  const store = await stores.create();
  const info = await store.put(bytesSource(image, 'twice'), { name: 'twice' });
  expect(info.storedBytes).toBeLessThan(0.6 * image.length);
  expect(Buffer.compare(await imageOf(store, 'twice'), image)).toBe(0);
  await store.close();
});

test('an encrypted store finds them, and does not show their features', async () => {
  const keyFile = join(stores.path, 'key');
  writeFileSync(keyFile, noise(6, 1).subarray(0, 32));
  const dir = join(stores.path, 'encrypted');
  const store = await createStore(dir, {}, { keyFile });
  await store.put(bytesSource(first, 'first'), { name: 'first' });
  const info = await store.put(bytesSource(second, 'second'), { name: 'second' });
  expect(info.storedBytes).toBeLessThan(second.length / 10);
  expect(Buffer.compare(await imageOf(store, 'second'), second)).toBe(0);
  await store.close();
  const plain = await stores.create();
  await plain.put(bytesSource(first, 'first'), { name: 'first' });
  const { features } = await databaseOf(plain);
  const needle = Buffer.from(features[0]!.features.slice(0, 4).buffer);
  const has = (path: string) => readFileSync(join(path, 'meta', 'data.mdb')).includes(needle);
  expect([has(plain.dir), has(dir)]).toEqual([true, false]);
});

test('gc keeps the frames of bases, and drops the features of removed frames', async () => {
  const store = await stores.create();
  await store.put(bytesSource(noise(7), 'other'), { name: 'other' });
  await store.put(bytesSource(first, 'first'), { name: 'first' });
  await store.put(bytesSource(second, 'second'), { name: 'second' });
  await store.remove(['other', 'first']);
  await store.gc({ freeShare: 0 });
  expect((await store.check({ readData: true })).problems).toEqual([]);
  expect(Buffer.compare(await imageOf(store, 'second'), second)).toBe(0);
  const { dir } = store;
  const { records, features } = await databaseOf(store);
  const ids = new Set(records.map(({ id }) => id));
  expect(features.length).toBeGreaterThan(0);
  expect(features.filter(({ frame }) => !ids.has(frame))).toEqual([]);
  const again = await openStore(dir);
  const info = await again.put(bytesSource(third, 'third'), { name: 'third' });
  expect(info.storedBytes).toBeLessThan(third.length / 10);
  await again.close();
});

test('features of frames that are gone, or damaged, do no harm', async () => {
  const store = await stores.create();
  await store.put(bytesSource(first, 'first'), { name: 'first' });
  const { dir } = store;
  const { features } = await databaseOf(store);
  const db = await openDatabase(dir);
  // As an earlier version leaves them, whose gc does not know the table.
  db.transaction(() => db.putPageFeatures(features[0]!.frame, [{ ...features[0]!, frame: 999 }]));
  await db.close();
  const again = await openStore(dir);
  expect((await again.check()).problems).toEqual([]);
  await again.put(bytesSource(second, 'second'), { name: 'second' });
  expect(Buffer.compare(await imageOf(again, 'second'), second)).toBe(0);
  await again.close();
});
