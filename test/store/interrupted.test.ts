// Bytes of packs that a killed writer leaves: every report counts them, and gc reports that it frees them.
import { spawnSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { bytesText } from '../../src/report/terminal/units.js';
import { openStore } from '../../src/store.js';
import { done } from '../cli/in-process.js';
import { guestImage } from '../support/images.js';
import { PAGE, storeFolder } from './support.js';

const stores = storeFolder();
const image = join(stores.path, 'image');
fs.writeFileSync(image, guestImage(PAGE, 1, 40));
const text = async (...args: string[]) => (await done(['store', ...args])).stdout.toString();

/** Stores noise, and ends itself by SIGKILL after 16 MiB. */
const KILLED_WRITER = `
import { randomFillSync } from 'node:crypto';
const [, , entry, dir] = process.argv;
const { openStore } = await import(entry);
const store = await openStore(dir);
let left = 16 << 20;
const read = (into) => {
  if (left <= 0) process.kill(process.pid, 'SIGKILL');
  left -= into.length;
  randomFillSync(into);
  return into.length;
};
await store.put({ name: 'noise', read }, { name: 'noise' });`;

/** A store with a snapshot, in which a writer was killed, and the sizes of its packs. */
async function interruptedStore(packBytes: number) {
  const store = await stores.create({ packBytes });
  await store.close();
  const { dir } = store;
  await text('put', '-s', dir, image);
  const committed = packSizes(dir);
  const script = join(stores.path, 'killed.mjs');
  fs.writeFileSync(script, KILLED_WRITER);
  const entry = pathToFileURL('dist/store.js').href;
  const { signal } = spawnSync(process.execPath, ['--no-warnings', script, entry, dir]);
  expect(signal).toBe('SIGKILL');
  const left = packSizes(dir) - committed;
  expect(left).toBeGreaterThan(1 << 20);
  return { dir, committed, left };
}

function packSizes(dir: string): number {
  const packs = join(dir, 'packs');
  return fs.readdirSync(packs).reduce((sum, name) => sum + fs.statSync(join(packs, name)).size, 0);
}

// At the end of a pack that has a snapshot, and in packs of their own.
test.each([1 << 28, 1 << 20])(
  'stats and check count the bytes, gc frees them: packs of %i bytes',
  async (packBytes) => {
    const { dir, committed, left } = await interruptedStore(packBytes);
    const shown = `${bytesText(left)} left by interrupted commands`;
    const stats = JSON.parse(await text('stats', '-s', dir, '--json'));
    expect(stats).toMatchObject({ packBytes: committed, interruptedBytes: left });
    const lines = (await text('stats', '-s', dir)).split('\n');
    expect(lines).toContainEqual(expect.stringMatching(`^interrupted +${shown}; store gc frees them$`));
    expect(lines.find((line) => line.startsWith('stored'))).toContain(
      bytesText(committed + left + stats.databaseBytes),
    );
    expect(await text('check', '-s', dir)).toMatch(
      new RegExp(`: 0 problems\n${shown}; store gc frees them\n$`),
    );
    const frees = `^0 frames and 0 packs removed, and ${shown}: ${bytesText(committed + left)} before, ${bytesText(committed)} after\n$`;
    expect(await text('gc', '-s', dir)).toMatch(new RegExp(frees));
    expect(packSizes(dir)).toBe(committed);
    expect(JSON.parse(await text('gc', '-s', dir, '--json'))).toMatchObject({
      bytesBefore: committed,
      bytesAfter: committed,
      interruptedBytes: 0,
    });
    for (const report of ['stats', 'check', 'gc'])
      expect(await text(report, '-s', dir)).not.toMatch(/interrupted/);
  },
);

test('bytes of a put that is running are not those of an interrupted one', async () => {
  const { dir, left } = await interruptedStore(1 << 28);
  const [writer, reader] = [await openStore(dir), await openStore(dir)];
  expect(reader.stats().interruptedBytes).toBe(left);
  const seen: number[] = [];
  let pages = 8192;
  const read = (into: Uint8Array) => {
    if (pages === 0) {
      expect(packSizes(dir)).toBeGreaterThan(reader.stats().packBytes);
      seen.push(reader.stats().interruptedBytes);
      return 0;
    }
    pages -= into.length / PAGE;
    randomFillSync(into);
    return into.length;
  };
  await writer.put({ name: 'noise', read }, { name: 'noise' });
  expect(seen).toEqual([0]);
  for (const store of [writer, reader]) await store.close();
});

test('a store without its folder of packs has no such bytes', async () => {
  const store = await stores.create();
  fs.rmSync(join(store.dir, 'packs'), { recursive: true });
  expect(store.stats().interruptedBytes).toBe(0);
  await store.close();
});
