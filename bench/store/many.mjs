// A store of many snapshots of synthetic guests: what listing, putting and gc take then.
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createStore, openStore } from '../../dist/store.js';
import { seeded } from '../seeded.mjs';
import { bytesUnder, measured } from './commands.mjs';

const PAGE = 4096;
const MIB = 1 << 20;
/** Guests whose snapshots follow each other, and the share of a snapshot's data pages that is new. */
const GUESTS = 10;
const NEW_SHARE = 0.02;

export async function manySnapshots(cli, folder, count, quick) {
  const [imageBytes, dataBytes] = quick ? [16 * MIB, MIB] : [512 * MIB, 4 * MIB];
  const dir = join(folder, 'many');
  const half = await fill(dir, count, imageBytes, dataBytes);
  const store = (...args) => measured(process.execPath, [cli, 'store', ...args, '-s', dir]);
  const listed = [1, 2, 3].map(() => store('list', '--json').ms);
  const image = join(folder, 'next.raw');
  writeFileSync(image, dataOf(GUESTS, 0, dataBytes));
  truncateSync(image, imageBytes);
  const put = store('put', image, '--name', 'next');
  rmSync(image);
  const before = bytesUnder(join(dir, 'packs'));
  process.stdout.write(
    `\n${count} snapshots of ${imageBytes / MIB} MiB, ${dataBytes / MIB} MiB of them data; the store has ${Math.round(bytesUnder(dir) / MIB)} MiB\n` +
      `  put, mean of the first and the second half   ${half.map((ms) => ms.toFixed(1)).join(' and ')} ms\n` +
      `  store list, whole process                    ${Math.round(Math.min(...listed))} ms (--version: ${Math.round(measured(process.execPath, [cli, '--version']).ms)} ms)\n` +
      `  store put of another one                     ${Math.round(put.ms)} ms, ${put.peakMiB ? `${Math.round(put.peakMiB)} MiB at most` : 'memory not measured: time is not installed'}\n`,
  );
  const removed = await removeHalf(dir);
  const gc = store('gc', '--free-share', '0');
  process.stdout.write(
    `  gc after ${removed} were removed                  ${Math.round(gc.ms)} ms, ${Math.round(gc.peakMiB)} MiB at most; ` +
      `${Math.round(before / MIB)} MiB of packs before, ${Math.round(bytesUnder(join(dir, 'packs')) / MIB)} after: ` +
      `${((before / MIB / gc.ms) * 1000).toFixed(0)} MiB/s\n`,
  );
  rmSync(dir, { recursive: true });
}

/** Put all snapshots; return the mean ms of a put in both halves. */
async function fill(dir, count, imageBytes, dataBytes) {
  const store = await createStore(dir);
  const sums = [0, 0];
  const begun = Date.UTC(2026, 0, 1);
  for (let i = 0; i < count; i++) {
    const [guest, version] = [i % GUESTS, Math.floor(i / GUESTS)];
    const data = dataOf(guest, version, dataBytes);
    const parent = version > 0 ? { parent: `guest-${guest}.${version - 1}` } : {};
    const options = {
      name: `guest-${guest}.${version}`,
      created: new Date(begun + i * 3_600_000),
      ...parent,
    };
    const started = performance.now();
    await store.put(sparse(data, imageBytes), { ...options, labels: { guest: String(guest) } });
    sums[2 * i < count ? 0 : 1] += performance.now() - started;
  }
  await store.close();
  return sums.map((ms) => ms / (count / 2));
}

async function removeHalf(dir) {
  const store = await openStore(dir);
  const names = store
    .list()
    .map(({ name }) => name)
    .filter((_, i) => i % 2 === 0);
  for (const name of names) await store.remove(name);
  await store.close();
  return names.length;
}

/** The data of a guest's version: of each version before it, some pages are still there. */
function dataOf(guest, version, bytes) {
  const data = Buffer.alloc(bytes);
  const pages = bytes / PAGE;
  for (let page = 0; page < pages; page++) {
    // A page changes every 1 / NEW_SHARE versions, each at its own time.
    const change = Math.floor(version * NEW_SHARE + (page % 50) / 50);
    const random = seeded(guest * 1_000_003 + page * 101 + change);
    for (let i = 0; i < PAGE; i += 16) {
      data.writeUInt32LE(random(), page * PAGE + i);
      data.writeUInt32LE(page, page * PAGE + i + 4);
    }
  }
  return data;
}

/** An image of `bytes` bytes: data, then zeros that need not be read. */
function sparse(data, bytes) {
  let position = 0;
  return {
    name: 'synthetic',
    bytes,
    read(into) {
      const count = Math.min(into.length, bytes - position);
      const part = data.subarray(position, position + count);
      into.set(part);
      into.fill(0, part.length, count);
      position += count;
      return count;
    },
    skipZeros(maxBytes) {
      if (position < data.length) return 0;
      // Images and data are multiples of 64 KiB, as ranges that are skipped have to be.
      const skipped = Math.min(maxBytes, bytes - position);
      position += skipped;
      return skipped;
    },
  };
}
