// Reads of a mounted snapshot: random pages that have data and are not cached (with pread: Node cannot map
// files) against an uncompressed file behind the same server, and all bytes in order against unpacking.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mountSkipReason, startMount } from '../build/internal.mjs';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const PAGE_BYTES = 4096;

export async function run(argv) {
  const options = { quick: { type: 'boolean' }, traces: { type: 'string' } };
  const { values } = parseArgs({ args: argv, options });
  const reason = mountSkipReason();
  if (reason) {
    process.stdout.write(`mount: skipped: ${reason}\n`);
    return;
  }
  const folder = fs.mkdtempSync(join(tmpdir(), 'pageferry-mount-'));
  try {
    await measure(folder, values.traces, values.quick ? 32 << 20 : 512 << 20, values.quick ? 300 : 3000);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

async function measure(folder, traces, bytes, reads) {
  const paths = ['image', 'store', 'small-frames', 'image.pf', 'out'].map((name) => join(folder, name));
  const [image, store, smallFrames, stream, out] = paths;
  if (traces) fs.copyFileSync(join(traces, '000.raw'), image);
  else fs.writeFileSync(image, syntheticImage(bytes));
  const cli = (...args) => execFileSync(process.execPath, [CLI, ...args], { stdio: 'pipe' });
  cli('store', 'init', store);
  cli('store', 'init', smallFrames, '--frame-bytes', '16K');
  for (const dir of [store, smallFrames]) cli('store', 'put', '-s', dir, image, '--name', 'image');
  cli('pack', image, '-o', stream, '--frame-bytes', '64K');
  const size = fs.statSync(image).size;
  const pages = shuffled(pagesWithData(image)).slice(0, reads);
  const subjects = {
    'uncompressed file': image,
    'store, frames of 64 KiB': store,
    'store, frames of 16 KiB': smallFrames,
    'stream, frames of 64 KiB': stream,
  };
  process.stdout.write(`${'behind the mount'.padEnd(26)}p50 µs  p90 µs  sequential MB/s\n`);
  for (const [name, subject] of Object.entries(subjects)) {
    const { times, sequentialMs } = await mounted(folder, subject, pages);
    const at = (share) => times[Math.floor(share * times.length)].toFixed(0).padStart(6);
    const rate = (size / 1000 / sequentialMs).toFixed(0).padStart(15);
    process.stdout.write(`${name.padEnd(26)}${at(0.5)}  ${at(0.9)}  ${rate}\n`);
  }
  const startMs = performance.now();
  cli('unpack', stream, '-o', out);
  process.stdout.write(
    `unpack to a file: ${(size / 1000 / (performance.now() - startMs)).toFixed(0)} MB/s\n`,
  );
}

/** Time random reads of single pages, in µs and sorted; then, in a new mount, one of everything in order. */
async function mounted(folder, subject, pages) {
  const path = fs.mkdtempSync(join(folder, 'mounted-'));
  const buffer = Buffer.alloc(1 << 20);
  const open = async () => {
    const mount = await startMount(CLI, [subject, path]);
    return { mount, file: fs.openSync(join(path, fs.readdirSync(path)[0]), 'r') };
  };
  const close = async ({ mount, file }) => {
    fs.closeSync(file);
    await mount.close();
  };
  const random = await open();
  const times = pages.map((page) => {
    const startMs = performance.now();
    fs.readSync(random.file, buffer, 0, PAGE_BYTES, page * PAGE_BYTES);
    return 1000 * (performance.now() - startMs);
  });
  await close(random);
  const inOrder = await open();
  const startMs = performance.now();
  while (fs.readSync(inOrder.file, buffer) > 0);
  const sequentialMs = performance.now() - startMs;
  await close(inOrder);
  return { times: times.sort((a, b) => a - b), sequentialMs };
}

/** Half zero pages, the others of words that compress to about a third. */
function syntheticImage(bytes) {
  const words = new Uint32Array(bytes / 4);
  let state = 1;
  for (let i = 0; i < words.length; i++) {
    if ((i >>> 10) % 2 === 0) continue;
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = state % 3 === 0 ? state : state >>> 24;
  }
  return Buffer.from(words.buffer);
}

/** Numbers of the pages that are not zero: zero pages need no frame and would hide its time. */
function pagesWithData(path) {
  const bytes = fs.readFileSync(path);
  const zeros = Buffer.alloc(PAGE_BYTES);
  const pages = [];
  for (let at = 0; at < bytes.length; at += PAGE_BYTES)
    if (bytes.compare(zeros, 0, PAGE_BYTES, at, at + PAGE_BYTES) !== 0) pages.push(at / PAGE_BYTES);
  return pages;
}

/** All pages once, in an order that has no pattern. */
function shuffled(pages) {
  let state = 7;
  for (let i = pages.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [pages[i], pages[j]] = [pages[j], pages[i]];
  }
  return pages;
}
