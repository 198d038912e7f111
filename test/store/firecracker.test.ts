// Firecracker's files by their documented format: a memory file and diff snapshots, which are sparse files of
// the same size with the pages that were written. Its program is not available here; the merge by hand is
// that of its documents: every range of data of a diff is written over the memory file.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { bytesSink, bytesSource } from '../../src/image/memory.js';
import { createStore, openSnapshotDiff, type Store } from '../../src/store.js';
import { done, fails } from '../cli/cli.js';
import { seeded } from '../support/kernels.js';

const PAGE = 4096;
const PAGES = 512;
const DIFFS = 20;
const folder = fs.mkdtempSync(join(tmpdir(), 'firecracker-'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
const file = (name: string) => join(folder, name);
const random = seeded(11);

function noise(bytes: number): Buffer {
  const out = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += 4) out.writeUInt32LE(random() >>> 0, at);
  return out;
}

/** A guest's memory: half of it zero. */
function memory(): Buffer {
  const image = Buffer.alloc(PAGES * PAGE);
  for (let page = 0; page < PAGES; page += 2) noise(PAGE).copy(image, page * PAGE);
  return image;
}

/** Write a diff: pages of noise, and pages that the guest has zeroed. Returns its merge with `before`. */
function writeDiff(path: string, before: Buffer): Buffer {
  const after = Buffer.from(before);
  const diff = fs.openSync(path, 'w');
  for (let n = 0; n < 30; n++) {
    const page = random() % PAGES;
    const content = n % 3 === 0 ? Buffer.alloc(PAGE) : noise(PAGE);
    fs.writeSync(diff, content, 0, PAGE, page * PAGE);
    content.copy(after, page * PAGE);
  }
  fs.ftruncateSync(diff, before.length);
  fs.closeSync(diff);
  return after;
}

async function content(store: Store, name: string): Promise<Buffer> {
  const sink = bytesSink();
  await store.get(name, sink);
  return Buffer.from(sink.take());
}

it('a memory file, a chain of 20 diffs, any of them restored, pruned to 5', async () => {
  const store = await createStore(file('store'));
  let merged = memory();
  const images = [merged];
  const at = (n: number) => new Date(Date.UTC(2026, 0, 1, 0, n));
  await store.put(bytesSource(merged, 'mem'), { name: 'snap-0', created: at(0) });
  for (let n = 1; n <= DIFFS; n++) {
    merged = writeDiff(file('diff'), merged);
    images.push(merged);
    const parent = `snap-${n - 1}`;
    const source = await openSnapshotDiff(store, file('diff'), parent);
    const info = await store.put(source, { name: `snap-${n}`, parent, created: at(n) });
    source.close();
    expect(info.newPages).toBeLessThanOrEqual(30);
  }
  for (const [n, image] of images.entries())
    expect((await content(store, `snap-${n}`)).equals(image), `snap-${n}`).toBe(true);
  await store.prune({ last: 5 });
  expect(store.list().map(({ name }) => name)).toEqual([16, 17, 18, 19, 20].map((n) => `snap-${n}`));
  for (let n = 16; n <= DIFFS; n++) expect((await content(store, `snap-${n}`)).equals(images[n]!)).toBe(true);
  // A diff of a snapshot whose own parents are gone.
  const rebased = writeDiff(file('diff'), images[18]!);
  const source = await openSnapshotDiff(store, file('diff'), 'snap-18');
  await store.put(source, { name: 'branch', parent: 'snap-18' });
  source.close();
  expect((await content(store, 'branch')).equals(rebased)).toBe(true);
  await expect(openSnapshotDiff(store, file('diff'), 'snap-1')).rejects.toThrow('has no snapshot "snap-1"');
  await store.close();
});

it('the commands: put --diff-of of several files is a chain', async () => {
  const first = memory();
  fs.writeFileSync(file('mem'), first);
  const second = writeDiff(file('a.diff'), first);
  const third = writeDiff(file('b.diff'), second);
  const store = ['-s', file('store2')];
  await done(['store', 'init', file('store2')]);
  await done(['store', 'put', ...store, file('mem'), '--name', 'base']);
  await done(['store', 'put', ...store, '--diff-of', 'base', file('a.diff'), file('b.diff')]);
  await done(['store', 'rm', ...store, 'a']);
  const out = await done(['store', 'get', ...store, 'b', '-o', '-']);
  expect(out.stdout.equals(third)).toBe(true);
  fs.truncateSync(file('a.diff'), PAGE);
  await fails(
    1,
    ['store', 'put', ...store, '--diff-of', 'base', file('a.diff')],
    /a\.diff: a diff of 4096 bytes, but snapshot base has 2097152/,
  );
  await fails(
    1,
    ['store', 'put', ...store, '--diff-of', 'none', file('b.diff'), '--name', 'x'],
    /has no snapshot "none"/,
  );
  await fails(
    2,
    ['store', 'put', ...store, '--diff-of', 'base', '--parent', 'base', file('b.diff')],
    /cannot be combined/,
  );
});
