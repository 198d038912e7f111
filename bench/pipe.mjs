// pageferry against other tools: whole processes through a rate-limited pipe to a receiver that unpacks,
// until it has all images. Other tools receive the images as one file and write one file. Turns are shuffled;
// the output is verified.
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { print, printTable, writeRows } from './kernels/suite.mjs';
import { geometricMean } from './kernels/targets.mjs';
import { race } from './race.mjs';
import { readLinkOptions } from './tradeoff/options.mjs';
import { openPipe, shell } from './tradeoff/pipe-stage.mjs';
import { collectImages } from './workloads/index.mjs';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const LINKS = ['100Mbit', '1Gbit', '10Gbit'];
const OURS = 'pageferry';
/** Sender and receiver; `ALL` is the file with all images, `OUT` the output. */
const PEERS = {
  'no compression': { send: 'cat ALL', receive: 'cat > OUT' },
  'lz4 -1': { tool: 'lz4', send: 'lz4 -1 -q -c ALL', receive: 'lz4 -d -q -f - OUT' },
  'zstd -1': { tool: 'zstd', send: 'zstd -1 -q -c ALL', receive: 'zstd -d -q -f -o OUT' },
  'zstd -1 -T2': { tool: 'zstd', send: 'zstd -1 -T2 -q -c ALL', receive: 'zstd -d -q -f -o OUT' },
  'zstd --adapt': { tool: 'zstd', send: 'zstd --adapt -q -c ALL', receive: 'zstd -d -q -f -o OUT' },
};
/** Maximum relative error of the pipe's rate. */
const MAX_OFF = 0.03;
/** Highest usable rate, relative to the pipe's maximum: above it, the pipe itself would be measured. */
const OF_CEILING = 0.8;
/** The maximum is measured this often, and the highest counts: another process may take a core meanwhile. */
const CEILING_TRIES = 3;

export async function run(argv) {
  const options = await readLinkOptions(argv, { links: LINKS, runs: 3 });
  if (options.quick) {
    options.links = options.links.slice(0, 2);
    options.workloads = options.workloads.slice(0, 1);
  }
  const folder = mkdtempSync(join(largestFolder(), 'pageferry-pipe-'));
  const rows = [];
  try {
    const pipe = openPipe(folder);
    if (pipe.missing) print(`pipe: skipped, ${pipe.missing}`);
    else {
      const links = await tryLinks(pipe, options.links);
      for (const workload of options.workloads)
        rows.push(...(await measure(workload, { ...options, links, pipe, folder })));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  printMeans(rows);
  writeRows(options.json, rows);
}

/** Return a folder in memory if it has enough space, so that no disk is measured. */
export function largestFolder() {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm');
    return bavail * bsize > 8e9 ? '/dev/shm' : tmpdir();
  } catch {
    return tmpdir();
  }
}

/** Return the links that the pipe can represent. */
export async function tryLinks(pipe, links) {
  let ceiling = 0;
  for (let i = 0; i < CEILING_TRIES; i++) ceiling = Math.max(ceiling, await pipe.ceiling());
  print(`the pipe's maximum rate is ${(ceiling / 1e9).toFixed(1)} Gbit/s`);
  const usable = [];
  for (const link of links) {
    if (link.bitsPerSecond > OF_CEILING * ceiling) {
      print(`  ${link.text}: skipped, too close to the pipe's maximum rate`);
      continue;
    }
    const off = (await pipe.accuracy(link.bitsPerSecond)) - 1;
    const text = `${off >= 0 ? '+' : ''}${(100 * off).toFixed(1)} %`;
    print(
      `  ${link.text}: raw bytes take bytes x 8 / rate ${text}${Math.abs(off) > MAX_OFF ? ': NOT within 3 %' : ''}`,
    );
    usable.push(link);
  }
  return usable;
}

async function measure(workload, options) {
  const { links, folder, rounds } = options;
  const reason = workload.unavailable?.();
  if (reason) {
    print(`\n${workload.name}: skipped, ${reason}`);
    return [];
  }
  const images = await collectImages(workload, options);
  const files = images.map(({ bytes }, i) => {
    const file = join(folder, `${String(i).padStart(3, '0')}.in`);
    writeFileSync(file, bytes);
    return file;
  });
  const all = join(folder, 'all');
  for (const { bytes } of images) writeFileSync(all, bytes, { flag: 'a' });
  try {
    const bytesIn = images.reduce((sum, { bytes }) => sum + bytes.length, 0);
    print(
      `\n${workload.name}, ${images.length} images, ${(bytesIn / 2 ** 20).toFixed(0)} MiB, medians of ${rounds}`,
    );
    const rows = [];
    for (const link of links)
      rows.push(...(await overLink({ ...options, workload, images, files, all, bytesIn }, link)));
    printTimes(rows, links);
    return rows;
  } finally {
    for (const file of [...files, all]) rmSync(file);
  }
}

async function overLink({ workload, images, files, all, bytesIn, pipe, folder, rounds, threads }, link) {
  const out = join(folder, 'out');
  const ours = [process.execPath, CLI].map((word) => `'${word}'`).join(' ');
  const lines = {
    [OURS]: `${ours} pack ${files.join(' ')} --link ${link.text} --threads ${threads} -o - | PIPE | ${ours} unpack - -o OUT`,
  };
  for (const [name, { tool, send, receive }] of Object.entries(PEERS))
    if (has(tool)) lines[name] = `${send} | PIPE | ${receive}`;
  const contestants = Object.entries(lines).map(([name, line]) => ({
    name,
    ownClock: true,
    async run() {
      const ms = await shell(
        line.replace('ALL', all).replace('PIPE', pipe.stage(link.bitsPerSecond)).replaceAll('OUT', out),
      );
      verify(name, images, out);
      rmSync(out, { recursive: true });
      return ms;
    },
  }));
  const results = await race(contestants, { rounds, warmUp: false });
  return results.map(({ name, medianMs }) => ({
    workload: workload.name,
    tool: name,
    link: link.text,
    bytesIn,
    wallMs: medianMs,
  }));
}

const found = new Map();

/** Return whether a program is installed; print once if it is not. */
export function has(tool) {
  if (tool !== undefined && !found.has(tool)) {
    found.set(tool, spawnSync(tool, ['--version']).error === undefined);
    if (!found.get(tool)) print(`  ${tool}: skipped, not installed`);
  }
  return tool === undefined || found.get(tool);
}

/** Compare the output with the images. @throws Error when it differs */
function verify(name, images, out) {
  const files = name === OURS && images.length > 1 ? readdirSync(out).map((file) => join(out, file)) : [out];
  const expected =
    files.length === images.length ? images.map(({ bytes }) => [bytes]) : [images.map(({ bytes }) => bytes)];
  if (files.length !== expected.length)
    throw new Error(`${name}: ${files.length} output files, expected ${expected.length}`);
  files.sort().forEach((file, i) => {
    if (!contains(file, expected[i])) throw new Error(`${name}: ${file} differs`);
  });
}

/** Return whether a file consists of exactly these parts. */
function contains(file, parts) {
  const fd = openSync(file);
  const piece = Buffer.alloc(4 << 20);
  try {
    for (const part of parts)
      for (let at = 0; at < part.length; ) {
        const read = readSync(fd, piece, 0, Math.min(piece.length, part.length - at), null);
        if (read === 0 || piece.compare(part, at, at + read, 0, read) !== 0) return false;
        at += read;
      }
    return readSync(fd, piece, 0, 1, null) === 0;
  } finally {
    closeSync(fd);
  }
}

function printTimes(rows, links) {
  const at = (tool, { text }) => rows.find((row) => row.tool === tool && row.link === text).wallMs;
  const tools = [...new Set(rows.map(({ tool }) => tool))];
  printTable(
    ['wall ms until all images are stored', ...links.map(({ text }) => text)],
    [
      ...tools.map((tool) => [tool, ...links.map((link) => at(tool, link).toFixed(0))]),
      ...tools
        .slice(1)
        .map((tool) => [
          `${OURS} / ${tool}`,
          ...links.map((link) => (at(OURS, link) / at(tool, link)).toFixed(3)),
        ]),
    ],
  );
}

function printMeans(rows) {
  const ours = rows.filter(({ tool }) => tool === OURS);
  if (ours.length === 0) return;
  print(`\n${OURS}, wall time relative to the others, ${ours.length} pairs of workload and link:`);
  const theirs = (one, tools) =>
    Math.min(
      ...rows
        .filter(
          ({ workload, link, tool }) =>
            workload === one.workload && link === one.link && tools.includes(tool),
        )
        .map(({ wallMs }) => wallMs),
    );
  const peers = [...new Set(rows.map(({ tool }) => tool))].filter((tool) => tool !== OURS);
  const lines = [...peers.map((peer) => [peer, [peer]]), ['the best of them in each case', peers]].map(
    ([name, tools]) => {
      const ratios = ours.map((one) => one.wallMs / theirs(one, tools));
      return [
        name,
        geometricMean(ratios).toFixed(3),
        Math.max(...ratios).toFixed(3),
        `${ratios.filter((ratio) => ratio > 1).length}`,
      ];
    },
  );
  printTable(['against', 'geometric mean', 'worst', 'cases slower'], lines);
}
