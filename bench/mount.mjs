// Mounts and exports: random reads, page faults and reads in order of snapshots that are mounted, clones of a
// QEMU guest, and reads over NBD; each beside an uncompressed file behind the same server.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mountSkipReason } from '../build/internal.mjs';
import { measureClones } from './mount/clones.mjs';
import { measureNbd } from './mount/nbd.mjs';
import { measureReads } from './mount/reads.mjs';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const PARTS = ['reads', 'clones', 'nbd'];

export async function run(argv) {
  const options = {
    quick: { type: 'boolean' },
    traces: { type: 'string' },
    part: { type: 'string', multiple: true },
  };
  const { values } = parseArgs({ args: argv, options });
  const { quick, traces, part: parts = PARTS } = values;
  const reason = mountSkipReason();
  if (reason) {
    process.stdout.write(`mount: skipped: ${reason}\n`);
    return;
  }
  const folder = fs.mkdtempSync(join(tmpdir(), 'pageferry-mount-'));
  const reads = quick ? 300 : 3000;
  try {
    const made = makeSubjects(folder, traces, quick ? 32 << 20 : 512 << 20);
    if (parts.includes('reads')) await measureReads(CLI, folder, { ...made, reads });
    if (parts.includes('clones')) await measureClones(CLI, folder, cloneSizes(quick));
    if (parts.includes('nbd')) await measureNbd(CLI, folder, { ...made, reads });
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

function cloneSizes(quick) {
  return quick ? { memoryMib: 128, runs: 1, clones: 2 } : { memoryMib: 512, runs: 5, clones: 10 };
}

/** Make an image, and stores and packed files of it with two sizes of frames. */
function makeSubjects(folder, traces, bytes) {
  const paths = ['image', 'store', 'large-frames', 'image.pf', 'large-frames.pf'].map((name) =>
    join(folder, name),
  );
  const [image, store, largeFrames, stream, largeStream] = paths;
  if (traces) fs.copyFileSync(join(traces, '000.raw'), image);
  else fs.writeFileSync(image, syntheticImage(bytes));
  const cli = (...args) => execFileSync(process.execPath, [CLI, ...args], { stdio: 'pipe' });
  cli('store', 'init', store);
  cli('store', 'init', largeFrames, '--frame-bytes', '64K');
  for (const dir of [store, largeFrames]) cli('store', 'put', '-s', dir, image, '--name', 'image');
  cli('pack', image, '-o', stream, '--frame-bytes', '16K');
  cli('pack', image, '-o', largeStream, '--frame-bytes', '64K');
  const subjects = {
    'uncompressed file': image,
    'store, frames of 16 KiB': store,
    'store, frames of 64 KiB': largeFrames,
    'stream, frames of 16 KiB': stream,
    'stream, frames of 64 KiB': largeStream,
  };
  return { image, store, stream: largeStream, subjects };
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
