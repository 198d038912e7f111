// Snapshots come back byte for byte, whatever their size, parent and pages are.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { bytesSink, bytesSource } from '../../src/image/memory.js';
import { openFileSource } from '../../src/image/raw.js';
import { createStore, openStore, type Store } from '../../src/store.js';
import { guestImage, laterImage } from '../support/images.js';
import { pipeSource } from '../support/sources.js';

const PAGE = 4096;
const folder = fs.mkdtempSync(join(tmpdir(), 'pageferry-store-'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

let count = 0;
const newStore = (layout = {}) => createStore(join(folder, `store-${count++}`), layout);

async function imageOf(store: Store, name: string): Promise<Uint8Array> {
  const sink = bytesSink();
  await store.get(name, sink);
  return sink.take();
}

const first = guestImage(PAGE, 1);
const second = laterImage(first, PAGE, 2);
const third = laterImage(second, PAGE, 3);

describe('put and get', () => {
  test.each([4096, 16384, 65536])('pages of %i bytes, three generations', async (pageBytes) => {
    const store = await newStore({ pageBytes });
    const infos = [
      await store.put(bytesSource(first, 'a'), { name: 'a' }),
      await store.put(bytesSource(second, 'b'), { name: 'b', parent: 'a' }),
      await store.put(bytesSource(third, 'c'), { name: 'c', parent: 'b', labels: { host: 'x' } }),
    ];
    expect(await imageOf(store, 'a')).toEqual(first);
    expect(await imageOf(store, 'b')).toEqual(second);
    expect(await imageOf(store, 'c')).toEqual(third);
    expect(store.list()).toEqual(infos);
    expect(infos[2]).toMatchObject({ parent: 'b', labels: { host: 'x' }, bytes: third.length });
    expect(infos[1]!.newPages).toBeLessThan(infos[0]!.newPages);
    expect(infos[1]!.storedBytes).toBeLessThan(infos[0]!.storedBytes / 2);
    await store.close();
  });

  test('the same image again has no new page', async () => {
    const store = await newStore();
    await store.put(bytesSource(first, 'a'), { name: 'a' });
    const again = await store.put(bytesSource(first, 'a'), { name: 'b' });
    expect([again.newPages, again.storedBytes]).toEqual([0, 0]);
    expect(await imageOf(store, 'b')).toEqual(first);
    await store.close();
  });

  test('a child is whole without its parent, also in another process', async () => {
    const store = await newStore();
    await store.put(bytesSource(first, 'a'), { name: 'a' });
    await store.put(bytesSource(second, 'b'), { name: 'b', parent: 'a' });
    await store.remove('a');
    await store.close();
    const again = await openStore(store.dir);
    expect(again.list().map(({ name }) => name)).toEqual(['b']);
    expect(await imageOf(again, 'b')).toEqual(second);
    await again.close();
  });

  test.each([0, 1, 4095, 4097, 65537])('an image of %i bytes', async (bytes) => {
    const store = await newStore();
    const image = first.slice(0, bytes).fill(7, 0, 3);
    for (const [i, source] of [bytesSource(image, 'a'), pipeSource(image, 'b')].entries())
      await store.put(source, { name: `s${i}` });
    expect(store.info('s1')).toMatchObject({ bytes: image.length, newPages: 0 });
    expect(await imageOf(store, 's0')).toEqual(image);
    expect(await imageOf(store, 's1')).toEqual(image);
    await store.close();
  });

  test('the packs do not depend on the number of threads, nor on the kind of source', async () => {
    const images = [first, second, third];
    const paths = images.map((image, i) => {
      const path = join(folder, `${i}.raw`);
      fs.writeFileSync(path, image);
      return path;
    });
    const packs: Buffer[] = [];
    for (const threads of [1, 2]) {
      const store = await newStore();
      let parent: string | undefined;
      for (const path of paths) {
        const source = openFileSource(path);
        const name = `t${paths.indexOf(path)}`;
        await store.put(source, { name, threads, ...(parent !== undefined && { parent }) });
        source.close();
        parent = name;
      }
      for (const [i, image] of images.entries()) expect(await imageOf(store, `t${i}`)).toEqual(image);
      const pack = fs.readFileSync(join(store.dir, 'packs', '00000001.pack'));
      packs.push(pack.subarray(64));
      await store.close();
    }
    expect(packs[0]!.equals(packs[1]!)).toBe(true);
  });
});

test('remove takes all of the named snapshots or none', async () => {
  const store = await newStore();
  for (const name of ['a', 'b', 'c']) await store.put(bytesSource(first, name), { name });
  await expect(store.remove(['a', 'nope'])).rejects.toThrow(/has no snapshot "nope"/);
  expect(store.list().map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  await store.remove(['a', 'c']);
  expect(store.list().map(({ name }) => name)).toEqual(['b']);
  await store.close();
});
