// Keep Firecracker's snapshots: a memory file and diff snapshots, which are sparse files with the pages that
// the guest wrote. The store keeps each as a whole image, so that any of them can be restored or removed.
// The files here are synthetic, in the format that Firecracker documents.
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesSink, bytesSource } from 'pageferry';
import { createStore, openSnapshotDiff } from 'pageferry/store';

const PAGE = 4096;
const MEMORY_BYTES = 16 << 20;
const folder = mkdtempSync(join(tmpdir(), 'firecracker-'));
const diff = join(folder, 'vm.diff');

let seed = 1;
const random = () => {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return seed >>> 8;
};

try {
  let memory = Buffer.alloc(MEMORY_BYTES);
  for (let at = 0; at < MEMORY_BYTES / 2; at += 16) memory.write(`row ${random() % 5000};`, at);
  const store = await createStore(join(folder, 'store'));
  await store.put(bytesSource(memory, 'vm.mem'), { name: 'base' });

  let parent = 'base';
  for (let n = 1; n <= 6; n++) {
    memory = writeDiff(memory);
    const source = await openSnapshotDiff(store, diff, parent);
    const info = await store.put(source, { name: `diff-${n}`, parent });
    source.close();
    const onDisk = statSync(diff).blocks * 512;
    console.log(`${info.name}: ${onDisk >> 10} KiB of the diff on disk, ${info.storedBytes} bytes stored`);
    parent = info.name;
  }

  await store.remove('base'); // no snapshot needs another
  const restored = bytesSink();
  await store.get(parent, restored);
  if (!memory.equals(restored.take())) throw new Error(`${parent}: differs from the merge by hand`);
  console.log(`${parent} is the memory file with all six diffs written over it`);
  await store.close();
} catch (error) {
  // The store needs the package lmdb, and finding holes koffi: both are optional.
  if (error.code !== 'unsupported') throw error;
  console.log(`skipped: ${error.message}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
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
