import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { captureProcess } from '../../dist/node.js';
import { readImage } from './files.mjs';

const ROWS = 150_000;
const SNAPSHOTS = 3;

export const ownProcess = {
  name: 'process',
  description: 'the memory of this process while it changes a heap of objects',
  unavailable: () =>
    process.platform === 'linux'
      ? undefined
      : `a process can be read on Linux only, this is ${process.platform}`,
  async *images({ mebibytes = 64 } = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'pageferry-bench-'));
    try {
      // Capture all before reading the first, so that no snapshot contains another.
      const files = await capture(folder, Math.round((ROWS * mebibytes) / 64));
      for (const [i, file] of files.entries()) yield { name: `snapshot ${i}`, bytes: readImage(file) };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function capture(folder, count) {
  const rows = new Map();
  for (let id = 0; id < count; id++)
    rows.set(`row ${id}`, { id, name: `row ${(id * 7919) % 100003}`, values: [id, id / 3] });
  const files = [];
  for (let snapshot = 0, changed = 0; snapshot < SNAPSHOTS; snapshot++) {
    const file = join(folder, `${snapshot}.core`);
    await captureProcess(process.pid, file);
    files.push(file);
    for (let i = 0; i < count / 20; i++, changed++)
      rows.set(`row ${(changed * 31) % count}`, { id: changed, name: `changed ${changed}` });
  }
  return files;
}
