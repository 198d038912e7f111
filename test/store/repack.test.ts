// A repacked snapshot has the same bytes, and the pages of its trace are in fewer frames.
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { bytesSource } from '../../src/image/memory.js';
import { StoreDatabase } from '../../src/store/database.js';
import { createStore, openStore, parseTrace, type Store, type Trace } from '../../src/store.js';
import { done } from '../cli/cli.js';
import { guestImage, laterImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';
import { imageOf, PAGE, storeFolder } from './support.js';

const stores = storeFolder();
const PAGES = 400;
const guest = guestImage(PAGE, 1);
/** Pages of every kind, changed so that no two are the same, and a last page that is short. */
const first = Uint8Array.from(
  { length: PAGES * PAGE + 777 },
  (_, i) => guest[i % guest.length]! ^ (i % 512 === 7 ? i >>> 9 : 0),
);
const second = laterImage(first, PAGE, 2);

/** Every seventh page, backwards, and the last one. */
const WANTED = [PAGES, ...Array.from({ length: 50 }, (_, i) => PAGES - 1 - 7 * i)];

afterEach(() => vi.restoreAllMocks());

function traceOf(name: string, pages: readonly number[], bytes = first.length): Trace {
  const lines = ['pageferry trace 1', `image ${name} ${bytes}`, ...pages.map((page) => `${page} 1`)];
  return parseTrace(`${lines.join('\n')}\n`, 'the.trace');
}

async function newStore(layout = {}): Promise<Store> {
  const store = await stores.create({ frameBytes: 64 << 10, ...layout });
  await store.put(bytesSource(first, 'a'), { name: 'a' });
  await store.put(bytesSource(second, 'b'), { name: 'b', parent: 'a' });
  return store;
}

/** Frames that are decoded when the pages of the trace are read. */
async function decodedFrames(store: Store, name: string): Promise<number> {
  const open = await store.open([name]);
  try {
    const image = open.images[0]!;
    for (const page of WANTED)
      image.read(new Uint8Array(Math.min(PAGE, image.bytes - page * PAGE)), page * PAGE);
    return open.counters().decodedFrames;
  } finally {
    open.close();
  }
}

async function expectImage(store: Store, name: string, image: Uint8Array): Promise<void> {
  expect(Buffer.compare(await imageOf(store, name), image), name).toBe(0);
}

async function expectSound(store: Store): Promise<void> {
  expect((await store.check({ readData: true })).problems).toEqual([]);
}

describe('repack', () => {
  test.each([4096, 16384])('pages of %i bytes: fewer frames, the same bytes', async (pageBytes) => {
    const store = await newStore({ pageBytes });
    const before = await decodedFrames(store, 'b');
    const report = await store.repack('b', traceOf('b', WANTED));
    const after = await decodedFrames(store, 'b');
    expect(report).toMatchObject({ framesBefore: before, framesAfter: after });
    expect(after).toBeLessThan(before);
    const info = store.info('b');
    for (let i = 0; i < 2; i++) {
      await expectImage(store, 'a', first);
      await expectImage(store, 'b', second);
      await expectSound(store);
      await store.gc({ freeShare: 0 });
    }
    expect(store.info('b')).toEqual(info);
    // Its pages are found by later puts, whichever frames they are in.
    const again = await store.put(bytesSource(second, 'c'), { name: 'c' });
    expect(again.newPages).toBe(0);
    await store.close();
  });

  test('pages that a removed snapshot has shared are found by their digests in other frames', async () => {
    const store = await newStore();
    await store.repack('b', traceOf('b', WANTED));
    await store.remove('b');
    await store.gc({ freeShare: 0 });
    await expectSound(store);
    expect(await store.put(bytesSource(first, 'c'), { name: 'c' })).toMatchObject({ newPages: 0 });
    await store.close();
  });

  test('frames that none needs are removed, also after several repackings', async () => {
    const store = await stores.create({ frameBytes: 64 << 10 });
    await store.put(bytesSource(first, 'a'), { name: 'a' });
    const all = traceOf(
      'a',
      Array.from({ length: PAGES + 1 }, (_, i) => PAGES - i),
    );
    for (let i = 0; i < 2; i++) {
      const { framesAfter } = await store.repack('a', all);
      await store.gc({ freeShare: 0 });
      expect(store.stats().frames).toBe(framesAfter);
      // 16 pages each; that of the last batch has fewer.
      expect(framesAfter).toBeLessThanOrEqual(Math.ceil((PAGES + 1) / 16) + 1);
    }
    await expectImage(store, 'a', first);
    await expectSound(store);
    await store.close();
  });

  test('an encrypted store', async () => {
    const keyFile = join(stores.path, 'key');
    fs.writeFileSync(keyFile, Buffer.alloc(32, 9).toString('hex'), { mode: 0o600 });
    const store = await createStore(join(stores.path, 'encrypted'), {}, { keyFile });
    await store.put(bytesSource(first, 'a'), { name: 'a' });
    await store.repack('a', traceOf('a', WANTED));
    await expectImage(store, 'a', first);
    await expectSound(store);
    await store.close();
  });
});

test('a failure or an end before the transaction leaves the old state', async () => {
  const store = await newStore();
  const before = await decodedFrames(store, 'b');
  const { putSnapshot } = StoreDatabase.prototype;
  const copy = join(stores.path, 'ended');
  const steps = {
    sync: () =>
      vi.spyOn(fs, 'fsync').mockImplementation(((_: number, done: (error: Error) => void) => {
        fs.cpSync(store.dir, copy, { recursive: true });
        done(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
      }) as never),
    transaction: () =>
      vi.spyOn(StoreDatabase.prototype, 'putSnapshot').mockImplementation(function (
        this: StoreDatabase,
        ...args
      ) {
        putSnapshot.apply(this, args);
        throw new Error('ended');
      }),
  };
  for (const fail of Object.values(steps)) {
    fail();
    await expect(store.repack('b', traceOf('b', WANTED))).rejects.toThrow(/no space|ended/);
    vi.restoreAllMocks();
    expect(await decodedFrames(store, 'b')).toBe(before);
    await expectImage(store, 'b', second);
  }
  const aborted = AbortSignal.abort(new Error('stopped'));
  await expect(store.repack('b', traceOf('b', WANTED), { signal: aborted })).rejects.toThrow('stopped');
  await store.gc({ freeShare: 0 });
  await expectSound(store);
  await store.close();
  const ended = await openStore(copy);
  await expectImage(ended, 'b', second);
  expect(await decodedFrames(ended, 'b')).toBe(before);
  await expectSound(ended);
  await ended.close();
});

test('a trace of something else is refused in one line, and a damaged page changes nothing', async () => {
  const store = await newStore();
  const refused = async (trace: Trace, message: string) => {
    await expect(store.repack('b', trace)).rejects.toMatchObject({ name: 'PageferryError', message });
  };
  await refused(
    traceOf('other', WANTED),
    'the.trace: a trace of other, not of b; record one with mount --record',
  );
  await refused(
    traceOf('b', [PAGES + 1], first.length + PAGE),
    `the.trace: is of an image of ${first.length + PAGE} bytes, the snapshot b has ${first.length}`,
  );
  const often = `pageferry trace 1\nimage b ${first.length}\n${`0 ${PAGES}\n`.repeat(20)}`;
  await refused(
    parseTrace(often, 'the.trace'),
    `the.trace: names 8000 pages of b, more than ${16 * (PAGES + 1)}`,
  );
  await expect(store.repack('c', traceOf('c', WANTED))).rejects.toThrow('has no snapshot "c"');
  const pack = join(store.dir, 'packs', '00000001.pack');
  const bytes = fs.readFileSync(pack);
  const random = seeded(1);
  for (let i = 0; i < 200; i++) bytes[64 + (random() % (bytes.length - 64))]! ^= 4;
  fs.writeFileSync(pack, bytes);
  await expect(store.repack('b', traceOf('b', WANTED))).rejects.toThrow(/frame \d+ \(00000001.pack at/);
  await store.close();
});

test('the command', async () => {
  const store = await newStore();
  const trace = join(stores.path, 'b.trace');
  fs.writeFileSync(
    trace,
    `pageferry trace 1\nimage b ${first.length}\n${WANTED.map((page) => `${page} 1\n`).join('')}`,
  );
  const { stdout } = await done(['store', 'repack', 'b', '-s', store.dir, '--trace', trace]);
  expect(String(stdout)).toMatch(/^b: \d+ pages in \d frames of [\d.]+ \w+, \d+ frames before\n$/);
  await expectImage(store, 'b', second);
  await store.close();
});
