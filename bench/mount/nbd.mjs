// Reads over NBD: random pages of one client alone and beside clients that copy everything or read nothing of
// their replies, and nbdcopy.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { NbdClient } from '../../build/internal.mjs';
import { pagesWithData, shuffled } from './reads.mjs';

const PAGE_BYTES = 4096;
const READ = 0;
const STALLED_BYTES = 32 << 20;

/** Print the rows of NBD for a store with one snapshot, whose content is `image`. */
export async function measureNbd(cli, folder, { store, image, reads }) {
  const size = fs.statSync(image).size;
  const pages = shuffled(pagesWithData(image)).slice(0, 3 * reads);
  const path = join(folder, 'nbd');
  const server = spawn(process.execPath, [cli, 'serve', store, '--nbd', `unix:${path}`, '--json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    const [line] = await once(server.stdout, 'data');
    const [{ name, uri }] = JSON.parse(line).exports;
    const at = { path };
    process.stdout.write('\nNBD, a store with frames of 16 KiB        p50 µs   p90\n');
    const client = await NbdClient.open(at, name);
    row('random pages, one client', await timed(client, pages.slice(0, reads)));
    const stalled = await NbdClient.open(at, name);
    stalled.socket.pause().removeAllListeners('readable');
    stalled.request(READ, 0, Math.min(size, STALLED_BYTES));
    row('beside a client that reads nothing', await timed(client, pages.slice(reads, 2 * reads)));
    stalled.close();
    if (spawnSync('nbdcopy', ['--version']).status === 0) {
      const copying = spawn('nbdcopy', [uri, 'null:'], { stdio: 'inherit' });
      row('beside nbdcopy', await timed(client, pages.slice(2 * reads), () => copying.exitCode !== null));
      if (copying.exitCode === null) await once(copying, 'exit');
      const startMs = performance.now();
      execFileSync('nbdcopy', [uri, 'null:']);
      const rate = size / 1000 / (performance.now() - startMs);
      process.stdout.write(`nbdcopy to null: ${rate.toFixed(0)} MB/s\n`);
    } else process.stdout.write('nbdcopy: skipped: it is not installed\n');
    client.close();
  } finally {
    server.kill();
    await once(server, 'exit');
  }
}

/** Time reads of single pages until `isOver`, in µs and sorted. */
async function timed(client, pages, isOver = () => false) {
  const times = [];
  for (const page of pages) {
    const startMs = performance.now();
    await client.read(page * PAGE_BYTES, PAGE_BYTES);
    times.push(1000 * (performance.now() - startMs));
    if (isOver()) break;
  }
  return times.sort((a, b) => a - b);
}

function row(name, times) {
  const at = (share) => times[Math.floor(share * times.length)].toFixed(0);
  process.stdout.write(`${name.padEnd(40)}${at(0.5).padStart(8)}${at(0.9).padStart(6)}\n`);
}
