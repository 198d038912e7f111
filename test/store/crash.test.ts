// A writer that is ended at any moment: what was acknowledged stays, and the next writer cleans up.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { bytesSource } from '../../src/image/memory.js';
import { openDatabase, StoreDatabase } from '../../src/store/database.js';
import { openStore, type Store } from '../../src/store.js';
import { guestImage, laterImage } from '../support/images.js';
import { imageOf, PAGE, storeFolder } from './support.js';

/** Moments of one operation at which the store is opened again. */
const MAX_STATES = 8;
const stores = storeFolder();
const first = guestImage(PAGE, 1).slice(0, 60 * PAGE);
const second = laterImage(first, PAGE, 2);
const third = laterImage(second, PAGE, 3);

afterEach(() => vi.restoreAllMocks());

/**
 * Copy the store before every step of `work` that writes: each copy is what a kill at that moment leaves.
 */
async function statesDuring(store: Store, work: () => Promise<unknown>): Promise<string[]> {
  const states: string[] = [];
  const copy = () => {
    const path = join(stores.path, `state-${states.length}-${Math.random()}`);
    fs.cpSync(store.dir, path, { recursive: true });
    states.push(path);
  };
  for (const name of ['writevSync', 'fsync', 'rmSync', 'truncateSync'] as const) {
    const original = fs[name] as (...args: unknown[]) => unknown;
    vi.spyOn(fs, name).mockImplementation(((...args: unknown[]) => {
      copy();
      return original.apply(fs, args);
    }) as never);
  }
  const { transaction } = StoreDatabase.prototype;
  vi.spyOn(StoreDatabase.prototype, 'transaction').mockImplementation(function (this: StoreDatabase, work) {
    copy();
    return transaction.call(this, work) as never;
  });
  await work();
  vi.restoreAllMocks();
  copy();
  expect(states.length).toBeGreaterThan(5);
  // Steps follow each other in the same order again and again; every few of them is enough.
  const every = Math.ceil(states.length / MAX_STATES);
  return states.filter((_, i) => (states.length - 1 - i) % every === 0);
}

/** Open a state; check that it is sound, has `kept`, and takes another snapshot. */
async function recover(path: string, kept: Readonly<Record<string, Uint8Array>>): Promise<string[]> {
  // The process that has the lock is this one, and it has not ended.
  const db = await openDatabase(path);
  db.transaction(() => db.removeValue('writer'));
  await db.close();
  const store = await openStore(path);
  const names = store.list().map(({ name }) => name);
  await store.put(bytesSource(third, 'later'), { name: 'later' });
  await store.gc({ freeShare: 0 });
  expect(await imageOf(store, 'later')).toEqual(third);
  for (const [name, image] of Object.entries(kept)) expect(await imageOf(store, name)).toEqual(image);
  const report = await store.check({ readData: true });
  expect(report.problems).toEqual([]);
  // Nothing is left beside what snapshots refer to.
  const { packBytes } = store.stats();
  const files = fs
    .readdirSync(join(path, 'packs'))
    .map((name) => fs.statSync(join(path, 'packs', name)).size);
  expect(files.reduce((sum, bytes) => sum + bytes, 0)).toBe(packBytes);
  expect(report.bytesRead + 64 * report.packs).toBe(packBytes);
  await store.close();
  fs.rmSync(path, { recursive: true });
  return names;
}

describe('a writer that is ended before any of its steps', () => {
  test('put', async () => {
    const store = await stores.create({ packBytes: 1 << 16 });
    await store.put(bytesSource(first, 'a'), { name: 'a' });
    const states = await statesDuring(store, () =>
      store.put(bytesSource(second, 'b'), { name: 'b', parent: 'a' }),
    );
    const seen = new Set<string>();
    for (const state of states) {
      const names = await recover(state, { a: first });
      seen.add(names.join());
    }
    expect([...seen]).toEqual(['a', 'a,b']);
    await store.close();
  });

  test('rm and gc', async () => {
    const store = await stores.create({ packBytes: 1 << 16 });
    await store.put(bytesSource(first, 'a'), { name: 'a' });
    await store.put(bytesSource(second, 'b'), { name: 'b', parent: 'a' });
    const states = await statesDuring(store, async () => {
      await store.remove('a');
      await store.gc({ freeShare: 0 });
    });
    for (const state of states) await recover(state, { b: second });
    await store.close();
  });
});

/** Puts, removes and collects for ever, and prints a line for each step that was acknowledged. */
const ENDLESS_WRITER = `
import fs from 'node:fs';
const [, , entry, dir, image, from] = process.argv;
const { openStore } = await import(entry);
const store = await openStore(dir);
const bytes = fs.readFileSync(image);
for (let i = Number(from); ; i++) {
  for (let page = 0; page < 40; page++) bytes.writeUInt32LE(i, ((i * 7 + page * 13) % (bytes.length / 4096)) * 4096);
  let next = 0;
  const read = (into) => {
    const part = bytes.subarray(next, next + into.length);
    next += part.length;
    into.set(part);
    return part.length;
  };
  const parent = store.list().at(-1)?.name;
  await store.put({ name: 'image', read }, { name: 's' + i, ...(parent && { parent }) });
  fs.writeSync(1, 'put ' + i + '\\n');
  if (i % 3 === 2) {
    const oldest = store.list()[0].name;
    fs.writeSync(1, 'rm ' + oldest.slice(1) + '\\n');
    await store.remove(oldest);
    await store.gc({ freeShare: 0 });
  }
}`;

test('a process that is killed with SIGKILL again and again', async () => {
  const store = await stores.create();
  const [script, image] = [join(stores.path, 'writer.mjs'), join(stores.path, 'image.raw')];
  fs.writeFileSync(script, ENDLESS_WRITER);
  fs.writeFileSync(image, first);
  const entry = pathToFileURL('dist/store.js').href;
  const kept = new Set<number>();
  let next = 0;
  for (let round = 0; round < 3; round++) {
    const args = ['--no-warnings', script, entry, store.dir, image, String(next)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const closed = once(child, 'close');
    let output = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    while (!output.includes('put') && child.exitCode === null)
      await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 300));
    child.kill('SIGKILL');
    await closed;
    for (const [, action, number] of output.matchAll(/^(put|rm) (\d+)\n/gm)) {
      if (action === 'put') kept.add(Number(number));
      else kept.delete(Number(number));
      next = Math.max(next, Number(number) + 1);
    }
    const names = store.list().map(({ name }) => Number(name.slice(1)));
    for (const number of kept) expect(names).toContain(number);
    // A process that is killed between a commit and its report to LMDB's readers leaves a snapshot that only
    // the next writer sees: its number is skipped.
    next = Math.max(next, ...names.map((number) => number + 1)) + 1;
    for (const number of names) kept.add(number);
    expect((await store.check({ readData: true })).problems).toEqual([]);
  }
  // The lock of a process that was killed is free.
  await store.put(bytesSource(second, 'last'), { name: 'last' });
  expect(await imageOf(store, 'last')).toEqual(second);
  await store.close();
});
