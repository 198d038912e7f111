// One program writes to a store at a time; the others get its name, or wait. Readers never wait.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { bytesSource } from '../../src/image/memory.js';
import type { PageSource } from '../../src/page/source.js';
import { sleep } from '../../src/page/sync.js';
import { openDatabase } from '../../src/store/database.js';
import { takeLock } from '../../src/store/lock.js';
import { createStore, openStore } from '../../src/store.js';
import { CLI, ended } from '../cli/cli.js';
import { guestImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';
import { imageOf, PAGE, storeFolder } from './support.js';

const stores = storeFolder();
const image = guestImage(PAGE, 1).slice(0, 40 * PAGE);

/** A source that gives its bytes only after `open`. */
function slowSource(bytes = image): { readonly source: PageSource; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const inner = bytesSource(bytes, 'slow');
  return { source: { name: 'slow', read: async (into) => opened.then(() => inner.read(into)) }, open };
}

describe('a second writer', () => {
  test('is refused with the name of the first one, waits, and can be aborted', async () => {
    const store = await stores.create();
    const { source, open } = slowSource();
    const putting = store.put(source, { name: 'slow' });
    await expect(store.put(bytesSource(image, 'b'), { name: 'b' })).rejects.toMatchObject({
      code: 'busy',
      message: expect.stringMatching(`process ${process.pid} on .* writes to this store \\(put slow, since `),
    });
    await expect(store.remove('slow', { waitMs: 1 })).rejects.toThrow(/after 1 ms of waiting/);
    const controller = new AbortController();
    const aborted = store.gc({ waitMs: 60_000, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    expect(store.list()).toEqual([]);
    const waiting = store.put(bytesSource(image, 'b'), { name: 'b', waitMs: 60_000 });
    open();
    await Promise.all([putting, waiting]);
    expect(store.list().map(({ name }) => name)).toEqual(['slow', 'b']);
    await store.close();
  });

  test('takes the lock of a process that has ended', async () => {
    const store = await stores.create();
    const db = await openDatabase(store.dir);
    await takeLock(db, store.dir, 'put x');
    const owner = db.value<Record<string, unknown>>('writer');
    // A process id that is in use again belongs to a process with another start.
    db.transaction(() => db.putValue('writer', { ...owner, start: '1' }));
    await store.put(bytesSource(image, 'a'), { name: 'a' });
    // Another host's process cannot be seen: its record counts while it is renewed.
    const elsewhere = { ...owner, scope: 'another host', host: 'other' };
    db.transaction(() => db.putValue('writer', { ...elsewhere, renewedMs: Date.now() }));
    await expect(store.remove('a')).rejects.toThrow(/on other writes to this store/);
    db.transaction(() => db.putValue('writer', { ...elsewhere, renewedMs: Date.now() - 120_000 }));
    await store.remove('a');
    await db.close();
  });
});

test('a writer that lost its lock while it was suspended stores nothing, and overwrites nothing', async () => {
  const store = await stores.create();
  await store.put(bytesSource(image, 'a'), { name: 'a' });
  await store.put(bytesSource(image.slice(PAGE), 'unused'), { name: 'unused' });
  const { source, open } = slowSource(new Uint8Array(randomBytes(16 * PAGE)));
  const suspended = expect(store.put(source, { name: 'slow' })).rejects.toMatchObject({
    code: 'busy',
    message: expect.stringMatching(/another process has taken the lock.*; run the command again$/),
  });
  const db = await openDatabase(store.dir);
  for (;;) {
    db.refresh();
    const owner = db.value<Record<string, unknown>>('writer');
    // The record of a process in another container that has not renewed it.
    if (owner) {
      const record = { ...owner, scope: 'another container', renewedMs: Date.now() - 120_000 };
      db.transaction(() => db.putValue('writer', record));
      break;
    }
    await sleep(1);
  }
  // Removing takes the lock; the next writer finds it free.
  const other = await openStore(store.dir);
  await other.remove('unused');
  const noise = new Uint8Array(randomBytes(16 * PAGE));
  await other.put(bytesSource(noise, 'b'), { name: 'b' });
  open();
  await suspended;
  expect(other.list().map(({ name }) => name)).toEqual(['a', 'b']);
  expect((await other.check({ readData: true })).problems).toEqual([]);
  expect(await imageOf(other, 'b')).toEqual(noise);
  await other.put(bytesSource(image.slice(PAGE), 'c'), { name: 'c' });
  expect((await other.check({ readData: true })).problems).toEqual([]);
  for (const each of [db, other, store]) await each.close();
});

test('a snapshot that is open is read after rm and gc', async () => {
  const store = await stores.create();
  await store.put(bytesSource(image, 'a'), { name: 'a' });
  const open = await store.open(['a']);
  await store.remove('a');
  const { bytesAfter, removedFrames } = await store.gc();
  expect([bytesAfter, store.stats().frames]).toEqual([0, 0]);
  expect(removedFrames).toBeGreaterThan(0);
  expect(fs.readdirSync(join(store.dir, 'packs'))).toEqual([]);
  const bytes = new Uint8Array(image.length);
  open.images[0]!.read(bytes, 0);
  expect(bytes).toEqual(image);
  open.close();
  await store.close();
});

describe('a disk that is full', () => {
  const full = join(stores.path, 'full');
  fs.mkdirSync(full);
  const isMounted =
    process.getuid?.() === 0 &&
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', full]).status === 0;
  afterAll(() => {
    if (isMounted) execFileSync('umount', ['-l', full]);
  });
  test.skipIf(!isMounted)('one error, and the store stays usable (skipped without root)', async () => {
    const dir = join(full, 'store');
    const store = await createStore(dir);
    await store.put(bytesSource(image, 'a'), { name: 'a' });
    const random = seeded(3);
    const noise = new Uint8Array(3 << 20).map(() => random());
    await expect(store.put(bytesSource(noise, 'noise'), { name: 'noise' })).rejects.toMatchObject({
      code: 'io',
      message: expect.stringMatching(/no space left on device/i),
    });
    await store.close();
    const again = await openStore(dir);
    expect(again.list().map(({ name }) => name)).toEqual(['a']);
    await again.put(bytesSource(image.slice(PAGE), 'b'), { name: 'b' });
    expect(await imageOf(again, 'b')).toEqual(image.slice(PAGE));
    expect((await again.check({ readData: true })).problems).toEqual([]);
    await again.close();
  });

  test.skipIf(!isMounted)(
    'import, rm and gc: one error or done, and nothing is lost (skipped without root)',
    async () => {
      const dir = join(full, 'collected');
      fs.rmSync(join(full, 'store'), { recursive: true, force: true });
      const store = await createStore(dir);
      const other = image.slice(0, 20 * PAGE).fill(7, 0, 19 * PAGE);
      await store.put(bytesSource(image, 'a'), { name: 'a' });
      await store.put(bytesSource(other, 'b'), { name: 'b' });
      const noise = new Uint8Array(randomBytes(64 * PAGE));
      const elsewhere = await stores.create();
      await elsewhere.put(bytesSource(noise, 'c'), { name: 'c' });
      const parts: Uint8Array[] = [];
      await elsewhere.export(['c'], (...some) => void parts.push(...some.map((part) => part.slice())));
      await elsewhere.close();
      const stream = Buffer.concat(parts);
      const filler = fs.openSync(join(full, 'filler'), 'w');
      for (const bytes of [65536, 4096]) fillDisk(filler, bytes);
      const error = { code: 'io', message: expect.stringMatching(/no space left|cannot write|ENOSPC/i) };
      const outcomes = [];
      for (const work of [
        () => store.import(bytesSource(stream, 'stream'), {}),
        () =>
          store.put(
            bytesSource(
              new Uint8Array(8 * PAGE).map((_, i) => i % 251),
              'c',
            ),
            { name: 'c' },
          ),
        () => store.remove('a'),
        () => store.gc({ freeShare: 0 }),
      ])
        outcomes.push(
          await work().then(
            () => 'done',
            (cause) => cause,
          ),
        );
      expect(outcomes.slice(0, 2)).toMatchObject([error, error]);
      for (const outcome of outcomes.slice(2)) if (outcome !== 'done') expect(outcome).toMatchObject(error);
      fs.closeSync(filler);
      fs.rmSync(join(full, 'filler'));
      expect(await imageOf(store, 'b')).toEqual(other);
      await store.gc({ freeShare: 0 });
      expect(await imageOf(store, 'b')).toEqual(other);
      expect((await store.check({ readData: true })).problems).toEqual([]);
      await store.close();
    },
  );
});

/** Write to a file, in parts of `bytes` bytes, until the disk is full. */
function fillDisk(file: number, bytes: number): void {
  try {
    for (;;) fs.writeSync(file, new Uint8Array(bytes));
  } catch (cause) {
    expect((cause as NodeJS.ErrnoException).code).toBe('ENOSPC');
  }
}

describe('reading pages', () => {
  test('no page needs more than two frames', async () => {
    const store = await stores.create();
    let parent: string | undefined;
    const bytes = guestImage(PAGE, 4).slice();
    for (let i = 0; i < 6; i++) {
      for (let page = 0; page < bytes.length / PAGE; page += 2) bytes[page * PAGE + 100 * i] ^= 0x55;
      const name = `s${i}`;
      await store.put(bytesSource(bytes.slice(), name), { name, ...(parent !== undefined && { parent }) });
      parent = name;
    }
    // A cache of the two frames that any page may need; reading ahead cannot help.
    const open = await store.open(['s5'], { cacheBytes: 0 });
    const [last] = open.images;
    const page = new Uint8Array(PAGE);
    let most = 0;
    let before = 0;
    for (let i = bytes.length / PAGE - 1; i >= 0; i--) {
      last!.read(page, i * PAGE);
      const { decodedFrames } = open.counters();
      most = Math.max(most, decodedFrames - before);
      before = decodedFrames;
    }
    expect(most).toBe(2);
    open.close();
    await store.close();
  });
});

// Containers have process 1 each, and LMDB locks a byte of its file by the process id.
const namespace = ['-pf', '--mount-proc', '--kill-child', process.execPath, CLI, 'store'];
const hasNamespaces = spawnSync('unshare', ['-pf', '--mount-proc', 'true']).status === 0;
test.skipIf(!hasNamespaces)(
  'a process of the same id in another container is named (skipped without root)',
  async () => {
    const store = await stores.create();
    await store.put(bytesSource(image, 'a'), { name: 'a' });
    await store.close();
    const first = spawn('unshare', [...namespace, 'put', '-', '--name', 'b', '-s', store.dir]);
    const firstEnded = ended(first);
    const watching = await openDatabase(store.dir);
    while (!watching.value('writer')) {
      await sleep(10);
      watching.refresh();
    }
    await watching.close();
    const second = await ended(spawn('unshare', [...namespace, 'get', 'a', '-s', store.dir, '-o', '-']));
    expect(second).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^pageferry: .* has the same process id 1, in another container; .*\n$/),
    });
    first.stdin.end(image);
    expect(await firstEnded).toMatchObject({ code: 0, stderr: '' });
  },
);
