// Streams from one store to another: only what the other lacks is added, and nothing that is damaged.
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bytesSink, bytesSource } from '../../src/image/memory.js';
import { PageferryError } from '../../src/page/error.js';
import { createStore, type Store } from '../../src/store.js';
import { guestImage, laterImage } from '../support/images.js';
import { pipeSource } from '../support/sources.js';

const folder = fs.mkdtempSync(join(tmpdir(), 'pageferry-store-transfer-'));
const stores: Store[] = [];
afterAll(async () => {
  for (const store of stores) await store.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

async function newStore(layout = {}, options = {}): Promise<Store> {
  const store = await createStore(join(folder, `store-${stores.length}`), layout, options);
  stores.push(store);
  return store;
}

async function imageOf(store: Store, name: string): Promise<Uint8Array> {
  const sink = bytesSink();
  await store.get(name, sink);
  return sink.take();
}

async function exported(store: Store, names: string[]): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  await store.export(names, (...some) => {
    parts.push(...some.map((part) => part.slice()));
  });
  return new Uint8Array(Buffer.concat(parts));
}

const first = guestImage(4096, 1);
const second = laterImage(first, 4096, 2);
const other = guestImage(4096, 9);
const keyFile = join(folder, 'key');
let encrypted: Store;
let stream: Uint8Array;

beforeAll(async () => {
  fs.writeFileSync(keyFile, randomBytes(32));
  encrypted = await newStore({}, { keyFile });
  const labels = { host: 'a' };
  await encrypted.put(bytesSource(first, 'a'), { name: 'a', labels, created: new Date('2026-01-01') });
  await encrypted.put(bytesSource(second, 'b'), { name: 'b', parent: 'a', created: new Date('2026-01-02') });
  await encrypted.put(bytesSource(other, 'c'), { name: 'c', created: new Date('2026-01-03') });
  stream = await exported(encrypted, ['b', 'a']);
});

/** With the digest at its end right again. */
function withDigest(bytes: Uint8Array): Uint8Array {
  const end = bytes.length - 32;
  const out = bytes.slice();
  out.set(createHash('sha256').update(out.subarray(0, end)).digest(), end);
  return out;
}

test('from an encrypted store to others: same bytes, names, labels and times, from a file and from a pipe', async () => {
  const target = await newStore({ pageBytes: 16384 });
  const infos = await target.import(bytesSource(stream, 'stream'));
  expect(infos.map(({ name, parent, labels, created }) => [name, parent, labels, created])).toEqual([
    ['a', undefined, { host: 'a' }, '2026-01-01T00:00:00.000Z'],
    ['b', 'a', {}, '2026-01-02T00:00:00.000Z'],
  ]);
  expect(await imageOf(target, 'a')).toEqual(first);
  expect(await imageOf(target, 'b')).toEqual(second);
  const again = await newStore();
  await again.import(pipeSource(stream, 'pipe'));
  expect(await imageOf(again, 'b')).toEqual(second);
  expect(fs.readdirSync(again.dir).toSorted()).toEqual(['meta', 'packs', 'store.json']);
});

test('only pages that the other store lacks are added, though the keys differ', async () => {
  const target = await newStore();
  await target.put(bytesSource(first, 'x'), { name: 'x' });
  const [a, b] = await target.import(bytesSource(stream, 'stream'));
  expect([a!.newPages, a!.storedBytes]).toEqual([0, 0]);
  expect(b!.newPages).toBe(encrypted.info('b').newPages);
  expect(await imageOf(target, 'b')).toEqual(second);
});

test('a child that is exported alone is whole; a frame is written once', async () => {
  const [both, child] = [stream.length, (await exported(encrypted, ['b'])).length];
  expect(child).toBeLessThan(both);
  expect(both).toBeLessThan(1.5 * child);
  const target = await newStore();
  await target.import(bytesSource(await exported(encrypted, ['b']), 'stream'));
  expect(await imageOf(target, 'b')).toEqual(second);
  expect(target.list()[0]!.parent).toBeUndefined();
});

test('a name that the store has: nothing is imported', async () => {
  const target = await newStore();
  await target.put(bytesSource(other, 'c'), { name: 'b' });
  await expect(target.import(bytesSource(stream, 'stream'))).rejects.toThrow('has a snapshot b already');
  expect(target.list().map(({ name }) => name)).toEqual(['b']);
});

test('a stream that is cut off, changed or none is refused before anything is stored', async () => {
  const target = await newStore();
  const refused = (bytes: Uint8Array, message: string | RegExp) =>
    expect(target.import(bytesSource(bytes, 'stream'))).rejects.toThrow(message);
  await refused(new Uint8Array(100), 'stream: is not a stream of store export');
  await refused(new Uint8Array(10), 'stream: ends after 10 bytes');
  for (const bytes of [70, 4000, stream.length - 1])
    await refused(stream.subarray(0, bytes), `stream: the digest of its ${bytes} bytes differs`);
  for (const at of [30, 5000, stream.length - 1]) {
    const changed = stream.slice();
    changed[at]! ^= 1;
    await refused(changed, 'it is cut off or damaged');
  }
  const version = stream.slice();
  version[8] = 9;
  await refused(version, 'a stream of version 9, this program reads version 1');
  expect(target.list()).toEqual([]);
});

test('snapshots of more bytes than the limit are refused', async () => {
  const target = await newStore();
  const bytes = first.length + second.length;
  await expect(target.import(bytesSource(stream, 'stream'), { maxImageBytes: bytes - 1 })).rejects.toThrow(
    `stream: its snapshots have ${bytes} bytes, the limit is ${bytes - 1}`,
  );
  expect(await target.import(bytesSource(stream, 'stream'), { maxImageBytes: bytes })).toHaveLength(2);
});

test('a stream that lies, with the right digest, is an error and takes no memory in proportion to its claims', async () => {
  const target = await newStore();
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  const lying = async (at: number, value: number) => {
    const changed = stream.slice();
    new DataView(changed.buffer).setUint32(at, value, true);
    await expect(target.import(bytesSource(withDigest(changed), 'stream'))).rejects.toBeInstanceOf(
      PageferryError,
    );
  };
  expect(view.getUint32(24, true)).toBe(0x52464650);
  // page and frame bytes, the first frame's magic, id, payload and content bytes
  for (const at of [12, 16, 24, 28, 32, 36]) for (const value of [0, 0xffffffff]) await lying(at, value);
  // The sizes of the last snapshot's info and manifest, the manifest, and the number of snapshots.
  const snapshot = Buffer.from(stream.buffer).lastIndexOf('PFSN');
  const manifest = snapshot + 12 + view.getUint32(snapshot + 4, true);
  for (const at of [snapshot, snapshot + 4, snapshot + 8, manifest, manifest + 8, stream.length - 36])
    for (const value of [0, 0xffffffff]) await lying(at, value);
  expect(target.list()).toEqual([]);
});

test('the state and the trace of a guest go with it, and belong to it in the other store', async () => {
  const from = await newStore();
  await from.put(bytesSource(first, 'vm'), { name: 'vm' });
  await from.put(bytesSource(other, 'state'), { name: 'vm.state', belongsTo: 'vm' });
  await from.put(bytesSource(second, 'other'), { name: 'other' });
  const to = await newStore();
  await to.import(bytesSource(await exported(from, ['vm', 'vm.state']), 'stream'));
  expect(to.list().map(({ name, belongsTo }) => [name, belongsTo])).toEqual([
    ['vm', undefined],
    ['vm.state', 'vm'],
  ]);
  expect(Buffer.compare(await imageOf(to, 'vm.state'), other)).toBe(0);
  expect(await exported(from, ['vm'])).toEqual(await exported(from, ['vm', 'vm.state']));
  await to.remove('vm');
  expect(to.list()).toEqual([]);
  await expect(exported(from, ['none'])).rejects.toThrow('has no snapshot "none"');
});
