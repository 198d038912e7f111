// The snapshots of a store as NBD exports.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bytesSource } from '../../../src/image/memory.js';
import { openServed } from '../../../src/mount/open-served.js';
import { createStore } from '../../../src/store.js';
import { Client } from './client.js';
import { afterTest, PAGE, serve, sparseImage, temporaryFolder } from './support.js';

it('every snapshot is an export; removed ones are read on', async () => {
  const dir = join(temporaryFolder(), 'store');
  const store = await createStore(dir);
  const first = sparseImage(500, 1, 100);
  const second = Buffer.from(first);
  second.fill(3, 17 * PAGE, 19 * PAGE + 7);
  await store.put(bytesSource(first, 'first'), { name: 'first' });
  await store.put(bytesSource(second, 'second'), { name: 'second', parent: 'first' });
  const served = await openServed(dir, { isAsync: true });
  afterTest(() => served.close());
  const server = await serve(served.images);
  await store.remove('first');
  await store.close();
  for (const [name, image] of Object.entries({ first, second })) {
    const client = await Client.open(server.address, name);
    expect(client.bytes).toBe(image.length);
    expect((await client.read(0, image.length)).equals(image)).toBe(true);
    expect((await client.status(0, 10 * PAGE))[0]).toEqual([2 * PAGE, 3]);
  }
});
