// The store of snapshots against `pack` and other programs that keep versions of files; images that are not
// parents of each other (`--unrelated FILE,FILE`); stores of many snapshots (`--snapshots 250,500,1000`).
// Whole processes, one after the other; ratios of one run.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { rawFiles } from './images.mjs';
import { bytesUnder, ran, timed } from './store/commands.mjs';
import { writeImages } from './store/images.mjs';
import { manySnapshots } from './store/many.mjs';
import { PEERS } from './store/peers.mjs';
import { unrelatedImages } from './store/unrelated.mjs';

const CLI = new URL('../dist/cli.js', import.meta.url).pathname;
const MIB = 1 << 20;
const IMAGES = 6;

export async function run(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      quick: { type: 'boolean' },
      images: { type: 'string' },
      threads: { type: 'string', default: '2' },
      snapshots: { type: 'string' },
      only: { type: 'string' },
      peers: { type: 'string' },
      unrelated: { type: 'string' },
      dir: { type: 'string', default: tmpdir() },
    },
  });
  const folder = mkdtempSync(join(values.dir, 'pageferry-bench-store-'));
  const wants = (part) => values.only === undefined || values.only.split(',').includes(part);
  try {
    if (wants('images')) {
      const files = values.images
        ? rawFiles(values.images).slice(0, IMAGES)
        : writeImages(folder, IMAGES, values.quick ? 4 * MIB : 128 * MIB);
      keepImages(folder, files, values.threads, values.peers?.split(','));
    }
    if (values.unrelated && wants('unrelated'))
      unrelatedImages(CLI, folder, values.unrelated.split(','), values.threads);
    if (wants('many'))
      for (const count of (values.snapshots ?? (values.quick ? '20' : '1000')).split(','))
        await manySnapshots(CLI, folder, Number(count), values.quick);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Keep the images by every program, or by those of `peers`; print time and bytes of each. */
function keepImages(folder, files, threads, peers) {
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  // All programs read the images from the page cache.
  for (const file of files) ran('cat', [file], { stdio: ['ignore', 'ignore', 'inherit'] });
  process.stdout.write(`${files.length} snapshots, ${mib(bytes)} MiB, ${threads} threads\n\n`);
  const rows = [packed(folder, files, threads), ...stored(folder, files, threads)];
  for (const { name, tool, run: keep } of PEERS.filter(({ tool }) => !peers || peers.includes(tool))) {
    if (spawnSync(tool, ['--version']).error)
      process.stdout.write(`skipped: ${name}: ${tool} is not installed\n`);
    else {
      const dir = join(folder, 'peer');
      mkdirSync(dir);
      const ms = keep(dir, files, threads);
      rows.push({ name, ms, bytes: bytesUnder(dir) });
      rmSync(dir, { recursive: true });
    }
  }
  const pack = rows[0];
  const line = (cells) =>
    `${cells[0].padEnd(34)}${cells
      .slice(1)
      .map((cell) => cell.padStart(10))
      .join('')}\n`;
  process.stdout.write(line(['', 's', 'MiB/s', 'MiB', 'x pack', 'x speed']));
  for (const row of rows) {
    const amount = row.inputBytes ?? bytes;
    const speed = amount / row.ms;
    const reference = (row.reference ?? pack).inputBytes ?? bytes;
    process.stdout.write(
      line([
        row.name,
        (row.ms / 1000).toFixed(2),
        String(Math.round((speed * 1000) / MIB)),
        mib(row.bytes),
        row.isPart ? '' : (row.bytes / pack.bytes).toFixed(3),
        (speed / (reference / (row.reference ?? pack).ms)).toFixed(2),
      ]),
    );
  }
}

function packed(folder, files, threads) {
  const out = join(folder, 'packed.pgf');
  const { ms } = timed(process.execPath, [CLI, 'pack', ...files, '--threads', threads, '-o', out, '--json']);
  const row = { name: 'pageferry pack, one stream', ms, bytes: statSync(out).size };
  rmSync(out);
  return row;
}

/** All images, with and without a key file, and the last one put into a store of the others. */
function stored(folder, files, threads) {
  const rows = [];
  const key = join(folder, 'key');
  ran('dd', ['if=/dev/urandom', `of=${key}`, 'bs=32', 'count=1'], { stdio: 'ignore' });
  for (const [name, options] of [
    ['store put', []],
    ['store put --key-file', ['--key-file', key]],
  ]) {
    const dir = join(folder, 'store');
    timed(process.execPath, [CLI, 'store', 'init', dir, ...options]);
    const put = (images, more) =>
      timed(process.execPath, [
        CLI,
        'store',
        'put',
        ...images,
        '-s',
        dir,
        '--threads',
        threads,
        '--json',
        ...options,
        ...more,
      ]);
    const first = put(files.slice(0, -1), []);
    const before = bytesUnder(dir);
    const last = put(files.slice(-1), ['--parent', parentOf(first.stdout)]);
    rows.push({ name: `pageferry ${name}`, ms: first.ms + last.ms, bytes: bytesUnder(dir) });
    if (options.length === 0)
      rows.push(...nextSnapshot(folder, files, threads, last.ms, bytesUnder(dir) - before));
    rmSync(dir, { recursive: true });
  }
  return rows;
}

/** The next snapshot of a guest: `pack` against the one before, which it reads too, and `store put`. */
function nextSnapshot(folder, files, threads, ms, bytes) {
  const [base, image] = files.slice(-2);
  const out = join(folder, 'next.pgf');
  const pack = timed(process.execPath, [CLI, 'pack', image, '--base', base, '--threads', threads, '-o', out]);
  const inputBytes = statSync(image).size;
  const reference = {
    name: '  next: pack --base',
    ms: pack.ms,
    bytes: statSync(out).size,
    inputBytes,
    isPart: true,
  };
  rmSync(out);
  return [reference, { name: '  next: store put --parent', ms, bytes, inputBytes, isPart: true, reference }];
}

function parentOf(stdout) {
  return JSON.parse(stdout.trim().split('\n').at(-1)).name;
}

function mib(bytes) {
  return (bytes / MIB).toFixed(1);
}
