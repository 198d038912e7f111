// Keep Firecracker's snapshots: a memory file and diff snapshots, which are sparse files with the pages that
// the guest wrote. The store keeps each as a whole image, so that any of them can be restored or removed.
// The files here are synthetic, in the format that Firecracker documents.
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesSink, bytesSource } from 'pageferry';
import { createStore, openSnapshotDiff } from 'pageferry/store';

const PAGE = 4096;
const MEMORY_BYTES = 8 << 20;
const DIFFS = 20;
const KEPT = 5;
const folder = mkdtempSync(join(tmpdir(), 'firecracker-'));
const diff = join(folder, 'vm.diff');

let seed = 1;
const random = () => {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return seed >>> 8;
};

try {
  const memory = Buffer.alloc(MEMORY_BYTES);
  for (let at = 0; at < MEMORY_BYTES / 2; at += 16) memory.write(`row ${random() % 5000};`, at);
  // The merges by hand: the memory file, and every diff written over the one before.
  const merged = [memory];
  const store = await createStore(join(folder, 'store'));
  await store.put(bytesSource(memory, 'vm.mem'), { name: 'diff-0' });
  for (let n = 1; n <= DIFFS; n++) {
    merged.push(writeDiff(merged[n - 1]));
    const info = await putDiff(store, `diff-${n}`, `diff-${n - 1}`);
    const onDisk = statSync(diff).blocks * 512;
    console.log(`${info.name}: ${onDisk >> 10} KiB of the diff on disk, ${info.storedBytes} bytes stored`);
  }
  for (const n of [0, 7, DIFFS]) await check(store, `diff-${n}`, merged[n]);

  await store.prune({ last: KEPT }); // no snapshot needs another
  const kept = store.list().map(({ name }) => name);
  console.log(`pruned to ${kept.join(', ')}`);
  for (let n = DIFFS - KEPT + 1; n <= DIFFS; n++) await check(store, `diff-${n}`, merged[n]);

  const branch = writeDiff(merged[DIFFS - 2]);
  await putDiff(store, 'branch', `diff-${DIFFS - 2}`); // rebased: a diff of any snapshot
  await check(store, 'branch', branch);
  await store.close();
} catch (error) {
  // The store needs the package lmdb, and finding holes koffi: both are optional.
  if (error.code !== 'unsupported') throw error;
  console.log(`skipped: ${error.message}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Puts the diff as a snapshot: its holes are pages of `parent`. */
async function putDiff(store, name, parent) {
  const source = await openSnapshotDiff(store, diff, parent);
  try {
    return await store.put(source, { name, parent });
  } finally {
    source.close();
  }
}

async function check(store, name, memory) {
  const restored = bytesSink();
  await store.get(name, restored);
  if (!memory.equals(restored.take())) throw new Error(`${name}: differs from the merge by hand`);
  console.log(`${name} restored: equal to the merge by hand`);
}

/** Writes a diff snapshot; returns the memory after it. */
function writeDiff(before) {
  const after = Buffer.from(before);
  const file = openSync(diff, 'w');
  for (let n = 0; n < 40; n++) {
    const at = (random() % (MEMORY_BYTES / PAGE)) * PAGE;
    // A guest also clears pages: zeros that were written are data, not a hole.
    if (n % 4 === 0) after.fill(0, at, at + PAGE);
    else after.write(`written in the round of this diff: ${random()}`, at + (random() % 4000));
    writeSync(file, after, at, PAGE, at);
  }
  ftruncateSync(file, MEMORY_BYTES);
  closeSync(file);
  return after;
}
