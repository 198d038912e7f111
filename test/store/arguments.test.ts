// What a caller gives to a store is checked before the store takes its lock, reads or stores anything.
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { bytesSink, bytesSource } from '../../src/image/memory.js';
import type { PageSource } from '../../src/page/source.js';
import { createStore, openStore, type PageSink, parseTrace, type Store } from '../../src/store.js';
import { guestImage } from '../support/images.js';
import { imageOf, PAGE, storeFolder } from './support.js';

const stores = storeFolder();
const image = guestImage(PAGE, 1).slice(0, 20 * PAGE);
const source = (name = 'a') => bytesSource(image, name);
const trace = parseTrace(`pageferry trace 1\nimage a ${image.length}\n0 2\n`, 'trace');

function sourceOf(read: (into: Uint8Array) => unknown): PageSource {
  return { name: 'odd', read: read as PageSource['read'] };
}

async function storeWithSnapshot(): Promise<Store> {
  const store = await stores.create();
  await store.put(source(), { name: 'a' });
  return store;
}

/** What a call throws or rejects with. */
async function failureOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (cause) {
    return cause;
  }
  return 'no failure';
}

describe('a source that returns no number of bytes', () => {
  test.each<[string, (into: Uint8Array) => unknown, string]>([
    ['nothing', () => undefined, 'odd: read returned undefined, expected a number of bytes, 0 … '],
    ['a string', () => '5', 'odd: read returned "5", expected'],
    ['half a byte', () => 0.5, 'odd: read returned 0.5, expected'],
    ['a negative number', () => -1, 'odd: read returned -1, expected'],
    ['more than the buffer', (into) => into.length + 1, 'expected a number of bytes'],
    ['a promise of nothing', async () => {}, 'odd: read returned undefined, expected'],
  ])('%s: put, holds and import are refused', async (_, read, message) => {
    const store = await storeWithSnapshot();
    const odd = sourceOf(read);
    const expected = { code: 'bad-argument', message: expect.stringContaining(message) };
    await expect(store.put(odd, { name: 'odd' })).rejects.toMatchObject(expected);
    await expect(store.holds('a', odd)).rejects.toMatchObject(expected);
    await expect(store.import(odd)).rejects.toMatchObject(expected);
    expect(store.list().map(({ name }) => name)).toEqual(['a']);
    await store.close();
  });

  test.each([null, 'a.raw', image, { name: 'x' }, { ...source(), bytes: NaN }])(
    'no source at all is refused',
    async (given) => {
      const store = await storeWithSnapshot();
      const none = given as unknown as PageSource;
      const calls = [
        () => store.put(none, { name: 'b' }),
        () => store.holds('a', none),
        () => store.import(none),
      ];
      for (const call of calls)
        expect(await failureOf(call)).toMatchObject({
          code: 'bad-argument',
          message: expect.stringMatching(/^source/),
        });
      await store.close();
    },
  );
});

describe('a sink of get', () => {
  const asynchronous = { write: async () => {}, zero: async () => {} };

  test.each(['write', 'zero'] as const)('whose %s is asynchronous fails, and is aborted', async (method) => {
    const store = await stores.create();
    const withHole = new Uint8Array(4 * PAGE).fill(1, 0, PAGE);
    await store.put(bytesSource(withHole, 'a'), { name: 'a' });
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const abort = vi.fn();
    const failing = () => Promise.reject(new Error('disk full'));
    const sink = { ...bytesSink(), ...asynchronous, zero: () => {}, [method]: failing, abort };
    await expect(
      store.get('a', { ...sink, ...(method === 'zero' && { write: () => {} }) } as PageSink),
    ).rejects.toMatchObject({
      code: 'bad-argument',
      message: `image "a": the sink's ${method} returned a promise, it has to be synchronous`,
    });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
    expect(abort).toHaveBeenCalledOnce();
    await store.close();
  });

  test('that fails is reported, also if its abort fails', async () => {
    const store = await storeWithSnapshot();
    const fail = (text: string) => () => {
      throw new Error(text);
    };
    const sink = { ...bytesSink(), write: fail('first'), zero: fail('first'), abort: fail('second') };
    await expect(store.get('a', sink)).rejects.toThrow('first');
    await store.close();
  });

  test.each<[unknown, string]>([
    [undefined, 'image "a": the sink is undefined without a method "write"'],
    [{ ...bytesSink(), zero: 5 }, 'without a method "zero"'],
  ])('that is none is refused: %s', async (sink, message) => {
    const store = await storeWithSnapshot();
    expect(await failureOf(() => store.get('a', sink as PageSink))).toMatchObject({
      code: 'bad-argument',
      message: expect.stringContaining(message),
    });
    await store.close();
  });
});

type Call = (store: Store, options: never) => unknown;
const put: Call = (store, options: object) => store.put(source(), { name: 'b', ...options });
const holds: Call = (store, options) => store.holds('a', source(), options);
const remove: Call = (store, options) => store.remove('a', options);
const prune: Call = (store, options) => store.prune({ last: 1 }, options);
const policy: Call = (store, options) => store.prune(options);
const importing: Call = (store, options) => store.import(source(), options);
const repack: Call = (store, options) => store.repack('a', trace, options);
const gc: Call = (store, options) => store.gc(options);
const get: Call = (store, options) => store.get('a', bytesSink(), options);
const open: Call = (store, options) => store.open(['a'], options);
const check: Call = (store, options) => store.check(options);

describe('options', () => {
  test.each<[string, Call, object, string]>([
    ['put', put, { threads: NaN }, 'threads: expected a whole number, got NaN'],
    ['put', put, { threads: 'x' }, 'threads: expected a number, got a string (x)'],
    ['put', put, { threads: -1 }, 'threads: expected 1 … 16, got -1'],
    ['put', put, { threads: 0 }, 'threads: expected 1 … 16, got 0'],
    ['put', put, { threads: 0.5 }, 'threads: expected a whole number, got 0.5'],
    ['put', put, { level: 23 }, 'level: expected 1 … 22, got 23'],
    ['put', put, { level: NaN }, 'level: expected a whole number, got NaN'],
    ['put', put, { waitMs: NaN }, 'waitMs: expected 0 … Infinity, got NaN'],
    ['put', put, { parent: 5 }, 'parent: expected a string, got a number (5)'],
    ['put', put, { belongsTo: null }, 'belongsTo: expected a string, got null'],
    ['put', put, { labels: 'x=y' }, 'labels: expected an object of strings, got "x=y"'],
    ['put', put, { labels: { host: 5 } }, 'labels.host: expected a string, got 5'],
    ['put', put, { created: new Date(NaN) }, 'created: expected a valid Date, got an object'],
    ['put', put, { created: 5 }, 'created: expected a valid Date, got 5'],
    ['put', put, { thread: 2 }, 'put: unknown option "thread": expected one of waitMs, '],
    ['holds', holds, { threads: 'x' }, 'threads: expected a number, got a string (x)'],
    ['holds', holds, { waitMs: -1 }, 'waitMs: expected 0 … Infinity, got -1'],
    ['remove', remove, { waitMs: 'x' }, 'waitMs: expected a number, got a string (x)'],
    ['prune', prune, { waitMs: NaN }, 'waitMs: expected 0 … Infinity, got NaN'],
    ['prune', prune, { labels: null }, 'labels: expected an object of strings, got null'],
    ['prune', prune, { dryRun: 1 }, 'dryRun: expected a boolean, got a number (1)'],
    ['policy', policy, { last: 0.5 }, 'last: expected a whole number, got 0.5'],
    ['policy', policy, { daily: true }, 'daily: expected a number, got a boolean (true)'],
    ['policy', policy, { weekly: -1 }, 'weekly: expected 0 … 9007199254740991, got -1'],
    ['policy', policy, { keepLast: 1 }, 'prune: unknown option "keepLast": expected one of last, hourly, '],
    ['import', importing, { maxImageBytes: NaN }, 'maxImageBytes: expected a whole number, got NaN'],
    ['import', importing, { threads: 99 }, 'threads: expected 1 … 16, got 99'],
    ['import', importing, { level: 0 }, 'level: expected 1 … 22, got 0'],
    ['repack', repack, { level: 0 }, 'level: expected 1 … 22, got 0'],
    ['repack', repack, { waitMs: NaN }, 'waitMs: expected 0 … Infinity, got NaN'],
    ['gc', gc, { freeShare: NaN }, 'freeShare: expected 0 … 1, got NaN'],
    ['gc', gc, { freeShare: 2 }, 'freeShare: expected 0 … 1, got 2'],
    ['gc', gc, { waitMs: NaN }, 'waitMs: expected 0 … Infinity, got NaN'],
    ['get', get, { onProgress: 1 }, 'onProgress: expected a function, got a number (1)'],
    ['open', open, { cacheBytes: NaN }, 'cacheBytes: expected a whole number, got NaN'],
    ['check', check, { readData: 'yes' }, 'readData: expected a boolean, got a string (yes)'],
  ])('%s refuses those of its options that are not valid', async (_, call, options, message) => {
    const store = await storeWithSnapshot();
    expect(await failureOf(() => call(store, options as never))).toMatchObject({
      code: 'bad-argument',
      message: expect.stringContaining(message),
    });
    // Nothing was stored or removed, and the lock is free.
    expect(store.list().map(({ name }) => name)).toEqual(['a']);
    await store.put(source('next'), { name: 'next' });
    await store.close();
  });

  test('the limits themselves are valid, and `undefined` is the default', async () => {
    const store = await storeWithSnapshot();
    const options = { threads: 1, level: 22, waitMs: Infinity, parent: undefined, labels: {} };
    await store.put(source(), { ...options, name: 'b', created: new Date(0) });
    await store.gc({ freeShare: 0, waitMs: 0.5 });
    await store.gc({ freeShare: 1 });
    await store.prune({ last: 2, daily: undefined });
    expect(await imageOf(store, 'b')).toEqual(image);
    await store.close();
  });
});

describe('names', () => {
  test.each<[string, (store: Store) => unknown, string]>([
    ['put null', (s) => s.put(source(), { name: null as never }), 'null: not a name for a snapshot'],
    ['put nothing', (s) => s.put(source(), { name: undefined as never }), 'undefined: not a name for a snap'],
    ['put a string', (s) => s.put(source(), 'x' as never), 'put: expected an object of options, got string'],
    ['put without', (s) => s.put(source(), undefined as never), 'expected an object of options, got undefi'],
    ['info', (s) => s.info(undefined as never), 'info: name: expected a string, got undefined'],
    ['has', (s) => s.has(5 as never), 'has: name: expected a string, got 5'],
    ['get', (s) => s.get(null as never, bytesSink()), 'get: name: expected a string, got null'],
    ['holds', (s) => s.holds(null as never, source()), 'holds: name: expected a string, got null'],
    ['repack', (s) => s.repack(null as never, trace), 'repack: name: expected a string, got null'],
    ['remove', (s) => s.remove([undefined as never]), 'remove: name: expected a string, got undefined'],
    ['open', (s) => s.open('a' as never), 'open: names: expected an array of names, got "a"'],
    ['export', (s) => s.export('x' as never, () => {}), 'export: names: expected an array of names, got "x"'],
    ['export', (s) => s.export(['a', 5 as never], () => {}), 'export: name: expected a string, got 5'],
    ['export to nothing', (s) => s.export(['a'], undefined as never), 'export: write: expected a function'],
    ['create', () => createStore(5 as never), 'createStore: dir: expected a string, got 5'],
    ['create', () => createStore(join(stores.path, 'new'), null as never), 'createStore: expected an object'],
    ['create', () => createStore(join(stores.path, 'new'), {}, { keyFile: 5 as never }), 'keyFile: expected'],
    ['open', () => openStore(null as never), 'openStore: dir: expected a string, got null'],
    ['open', (s) => openStore(s.dir, { key: 'x' } as never), 'openStore: unknown option "key"'],
  ])('%s: what is not one is refused', async (_, call, message) => {
    const store = await storeWithSnapshot();
    expect(await failureOf(() => call(store))).toMatchObject({
      code: 'bad-argument',
      message: expect.stringContaining(message),
    });
    expect(store.list().map(({ name }) => name)).toEqual(['a']);
    await store.close();
  });

  test('a name that no snapshot can have is the name of no snapshot', async () => {
    const store = await storeWithSnapshot();
    const long = 'x'.repeat(5000);
    expect(store.has(long)).toBe(false);
    const calls = [
      () => store.info(long),
      () => store.get(long, bytesSink()),
      () => store.open([long]),
      () => store.remove(long),
      () => store.put(source(), { name: 'b', parent: long }),
    ];
    for (const call of calls)
      expect(await failureOf(call)).toMatchObject({
        code: 'bad-argument',
        message: expect.stringContaining('has no snapshot'),
      });
    await store.close();
  });
});

test('every call of a closed store is refused', async () => {
  const store = await storeWithSnapshot();
  await store.close();
  await store.close();
  expect([store.dir, store.config.pageBytes]).toEqual([store.dir, 4096]);
  const calls: (() => unknown)[] = [
    () => store.list(),
    () => store.info('a'),
    () => store.has('a'),
    () => store.stats(),
    () => store.put(source(), { name: 'b' }),
    () => store.holds('a', source()),
    () => store.get('a', bytesSink()),
    () => store.open(['a']),
    () => store.remove('a'),
    () => store.prune({ last: 1 }),
    () => store.prune({ last: 1 }, { dryRun: true }),
    () => store.export(['a'], () => {}),
    () => store.export([], () => {}),
    () => store.import(source()),
    () => store.repack('a', trace),
    () => store.gc(),
    () => store.freeSpace(),
    () => store.check(),
  ];
  for (const call of calls)
    expect(await failureOf(call)).toMatchObject({
      code: 'bad-argument',
      message: `${store.dir}: the store was closed`,
    });
});
