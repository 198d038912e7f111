// Reads of mounted images: random pages that have data and are not cached, with pread and through page faults
// of a mapping, and all bytes in order against unpacking.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startMount } from '../../build/internal.mjs';

const FAULTS = fileURLToPath(new URL('fault.py', import.meta.url));
const PAGE_BYTES = 4096;

/** Print a row for each of `subjects` (name → what to mount); `image`: the same content, not packed. */
export async function measureReads(cli, folder, { image, stream, subjects, reads }) {
  const size = fs.statSync(image).size;
  const pages = shuffled(pagesWithData(image)).slice(0, reads);
  process.stdout.write(
    `${'behind the mount'.padEnd(26)}pread p50 µs  p90  fault p50 µs  p90  in order MB/s\n`,
  );
  for (const [name, subject] of Object.entries(subjects)) {
    const times = await mounted(cli, folder, subject, (path) => preads(path, pages));
    const faults = await mounted(cli, folder, subject, (path) => faultTimes(folder, path, pages));
    const ms = await mounted(cli, folder, subject, inOrderMs);
    const cell = (list, share, width) =>
      (list ? list[Math.floor(share * list.length)].toFixed(0) : '-').padStart(width);
    process.stdout.write(
      `${name.padEnd(26)}${cell(times, 0.5, 12)}${cell(times, 0.9, 5)}${cell(faults, 0.5, 14)}` +
        `${cell(faults, 0.9, 5)}${(size / 1000 / ms).toFixed(0).padStart(15)}\n`,
    );
  }
  const startMs = performance.now();
  execFileSync(process.execPath, [cli, 'unpack', stream, '-o', join(folder, 'out')], { stdio: 'pipe' });
  process.stdout.write(
    `unpack to a file: ${(size / 1000 / (performance.now() - startMs)).toFixed(0)} MB/s\n`,
  );
}

/** Mount what `subject` names, measure its only file, and unmount. */
async function mounted(cli, folder, subject, measure) {
  const path = fs.mkdtempSync(join(folder, 'mounted-'));
  const mount = await startMount(cli, [subject, path]);
  try {
    return measure(join(path, fs.readdirSync(path)[0]));
  } finally {
    await mount.close();
  }
}

/** Time reads of single pages, in µs and sorted. */
function preads(path, pages) {
  const buffer = Buffer.alloc(PAGE_BYTES);
  const file = fs.openSync(path, 'r');
  const times = pages.map((page) => {
    const startMs = performance.now();
    fs.readSync(file, buffer, 0, PAGE_BYTES, page * PAGE_BYTES);
    return 1000 * (performance.now() - startMs);
  });
  fs.closeSync(file);
  return times.sort((a, b) => a - b);
}

/** Time page faults in a process that maps the file; undefined without Python. */
function faultTimes(folder, path, pages) {
  const list = join(folder, 'pages');
  fs.writeFileSync(list, pages.map((page) => `${page}\n`).join(''));
  const { status, stdout } = spawnSync('python3', [FAULTS, path, list], { encoding: 'utf8' });
  if (status !== 0) return undefined;
  return stdout
    .trim()
    .split('\n')
    .map(Number)
    .sort((a, b) => a - b);
}

function inOrderMs(path) {
  const buffer = Buffer.alloc(1 << 20);
  const file = fs.openSync(path, 'r');
  const startMs = performance.now();
  while (fs.readSync(file, buffer) > 0);
  const ms = performance.now() - startMs;
  fs.closeSync(file);
  return ms;
}

/** Numbers of the pages that are not zero: zero pages need no frame and would hide its time. */
export function pagesWithData(path) {
  const bytes = fs.readFileSync(path);
  const zeros = Buffer.alloc(PAGE_BYTES);
  const pages = [];
  for (let at = 0; at < bytes.length; at += PAGE_BYTES)
    if (bytes.compare(zeros, 0, PAGE_BYTES, at, at + PAGE_BYTES) !== 0) pages.push(at / PAGE_BYTES);
  return pages;
}

/** All pages once, in an order that has no pattern. */
export function shuffled(pages) {
  let state = 7;
  for (let i = pages.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [pages[i], pages[j]] = [pages[j], pages[i]];
  }
  return pages;
}
