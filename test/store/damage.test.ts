// `check` finds a flipped bit wherever it is, and names the snapshots and pages that it touches; a read of
// such a page is an error, never other bytes.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bytesSource } from '../../src/image/memory.js';
import { openDatabase } from '../../src/store/database.js';
import { openStore } from '../../src/store.js';
import { CLI } from '../cli/cli.js';
import { guestImage, laterImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';
import { PAGE, storeFolder } from './support.js';

const stores = storeFolder();
const first = guestImage(PAGE, 1).slice(0, 120 * PAGE);
const second = laterImage(first, PAGE, 2);
const store = await stores.create();
await store.put(bytesSource(first, 'a'), { name: 'a' });
await store.put(bytesSource(second, 'b'), { name: 'b', parent: 'a' });
await store.close();
const original = store.dir;

let copies = 0;
function copyOf(): string {
  const path = join(stores.path, `copy-${copies++}`);
  fs.cpSync(original, path, { recursive: true });
  return path;
}

function flip(path: string, at: number, bit: number): void {
  const bytes = fs.readFileSync(path);
  bytes[at]! ^= 1 << bit;
  fs.writeFileSync(path, bytes);
}

describe('a flipped bit', () => {
  test('anywhere in a pack', async () => {
    const dir = copyOf();
    const pack = join(dir, 'packs', '00000001.pack');
    const { size } = fs.statSync(pack);
    const random = seeded(5);
    const damaged = await openStore(dir);
    // The header, the head and table of the first frame, the last byte, and bytes all over the pack.
    const places = [0, 12, 20, 60, 64, 68, 72, 76, 80, 82, 83, 85, 88, 96, size - 1];
    for (let i = 0; i < 10; i++) places.push(random() % size);
    for (const at of places) {
      flip(pack, at, at % 8);
      const report = await damaged.check({ readData: true });
      expect(report.problems, `byte ${at}`).not.toEqual([]);
      if (at >= 64) {
        expect(report.damaged, `byte ${at}`).not.toEqual([]);
        for (const { name, ranges } of report.damaged) {
          const open = await damaged.open([name]);
          const page = new Uint8Array(PAGE);
          expect(() => open.images[0]!.read(page, ranges[0]![0] * PAGE)).toThrow(
            /frame \d+ \(00000001.pack at \d+\): /,
          );
          open.close();
        }
      }
      flip(pack, at, at % 8);
    }
    expect((await damaged.check({ readData: true })).problems).toEqual([]);
    await damaged.close();
  });

  test('pages that are not damaged can be read', async () => {
    const dir = copyOf();
    const pack = join(dir, 'packs', '00000001.pack');
    flip(pack, 200, 1);
    const damaged = await openStore(dir);
    const report = await damaged.check({ readData: true });
    const broken = new Map(report.damaged.map(({ name, ranges }) => [name, ranges]));
    for (const [name, image] of [
      ['a', first],
      ['b', second],
    ] as const) {
      const open = await damaged.open([name]);
      const page = new Uint8Array(PAGE);
      for (let i = 0; i < image.length / PAGE; i++) {
        const isBroken = broken.get(name)?.some(([from, to]) => i >= from && i <= to) ?? false;
        const read = () => open.images[0]!.read(page, i * PAGE);
        if (isBroken) expect(read).toThrow(/its check differs/);
        else {
          read();
          expect(Buffer.compare(page, image.subarray(i * PAGE, (i + 1) * PAGE)), `${name} page ${i}`).toBe(0);
        }
      }
      open.close();
    }
    await damaged.close();
  });

  test('in store.json', async () => {
    const dir = copyOf();
    const path = join(dir, 'store.json');
    const { length } = fs.readFileSync(path);
    const accepted: number[] = [];
    for (let at = 0; at < length; at += 3) {
      flip(path, at, at % 7);
      await openStore(dir).then(
        async (opened) => {
          accepted.push(at);
          await opened.close();
        },
        (error) => expect(error.message).toMatch(/store\.json: /),
      );
      flip(path, at, at % 7);
    }
    // Space between the fields of the file can become another kind of space.
    const text = fs.readFileSync(path, 'latin1');
    expect(accepted.filter((at) => !/\s/.test(text[at]!))).toEqual([]);
  });

  test('in the records of frames, snapshots and packs', async () => {
    const db = await openDatabase(original);
    const [frame] = [...db.frameIds()];
    const digest = [...db.pageDigests()][3]!;
    const needles = {
      frame: Buffer.from(db.frame(frame!)!.digests.slice(16, 32)),
      digest: Buffer.from(digest),
      manifest: Buffer.from(db.manifest('b')!.slice(0, 24)),
      snapshot: Buffer.from('"zeroPages":'),
    };
    await db.close();
    for (const [name, needle] of Object.entries(needles)) {
      const dir = copyOf();
      const path = join(dir, 'meta', 'data.mdb');
      const bytes = fs.readFileSync(path);
      // Older states of the database have the same bytes in pages that are not in use.
      for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + 20)) bytes[at + 9]! ^= 4;
      fs.writeFileSync(path, bytes);
      const damaged = await openStore(dir);
      expect((await damaged.check()).problems, name).not.toEqual([]);
      await damaged.close();
    }
  });

  test('a pack that is shorter, and one that is missing', async () => {
    const dir = copyOf();
    const pack = join(dir, 'packs', '00000001.pack');
    const damaged = await openStore(dir);
    fs.truncateSync(pack, fs.statSync(pack).size - 10);
    const shorter = await damaged.check();
    const { size } = fs.statSync(pack);
    expect(shorter.problems).toEqual([
      `00000001.pack: is truncated: ends at byte ${size} of ${size + 10}; frames that are missing or not complete: 1`,
    ]);
    expect((await damaged.check({ readData: true })).problems).toContain(shorter.problems[0]);
    expect(shorter.damaged.map(({ name }) => name)).toContain('b');
    // A snapshot that is stored now could need the lost pages: none is acknowledged.
    const put = () => damaged.put(bytesSource(second, 'c'), { name: 'c' });
    await expect(put()).rejects.toThrow(
      `${dir}: 00000001.pack is truncated: ends at byte ${size} of ${size + 10}: nothing is stored`,
    );
    fs.rmSync(pack);
    await expect(put()).rejects.toThrow(`${dir}: 00000001.pack does not exist: nothing is stored`);
    const missing = await damaged.check();
    expect(missing.problems).toEqual(['00000001.pack: does not exist']);
    expect(missing.damaged.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(damaged.has('c')).toBe(false);
    await expect(damaged.open(['a'])).rejects.toThrow(/00000001.pack does not exist; run store check/);
    // Without its snapshots, `gc` removes the pack, and the store takes images again.
    await damaged.remove(['a', 'b']);
    await damaged.gc({ freeShare: 0 });
    await put();
    expect((await damaged.check({ readData: true })).problems).toEqual([]);
    await damaged.close();
  });
});

test('a store that changes during a check is not reported as damaged, and damage is', async () => {
  const checked = await stores.create({ packBytes: 16 * PAGE });
  const { dir } = checked;
  for (const name of ['a', 'b'])
    await checked.put(bytesSource(new Uint8Array(randomBytes(40 * PAGE)), name), { name });
  const run = (...args: string[]) =>
    expect(spawnSync(process.execPath, [CLI, 'store', ...args, '-s', dir]).status).toBe(0);
  let changes = [
    ['rm', 'a'],
    ['gc', '--free-share', '0'],
  ];
  const onProgress = () => {
    for (const args of changes.splice(0)) run(...args);
  };
  const sound = await checked.check({ readData: true, onProgress });
  expect(sound).toMatchObject({ problems: [], damaged: [], snapshots: 1 });
  const packs = fs.readdirSync(join(dir, 'packs')).sort();
  flip(join(dir, 'packs', packs[0]!), 1000, 0);
  changes = [['rm', 'b']];
  const { problems, snapshots } = await checked.check({ readData: true, onProgress });
  expect([problems.length, snapshots]).toEqual([1, 0]);
  await checked.close();
});
