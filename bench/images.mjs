// Images for the suites: a directory of traces (NAME/000.raw, 001.raw, …), or snapshots of a process started
// here.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { captureProcess } from '../dist/node.js';

/** Return named series of images, each with snapshots of one guest over time; with `quick` of a small one. */
export async function findImages(traces, quick = false) {
  return traces ? { series: tracesIn(traces), clean: () => {} } : makeImages(quick);
}

/** Return the series of a directory of directories, by name. */
export function tracesIn(traces) {
  if (!statSync(traces, { throwIfNoEntry: false })?.isDirectory())
    throw Object.assign(new Error(`--traces ${traces}: not a directory`), { code: 'ERR_PARSE_ARGS_TRACES' });
  const folders = readdirSync(traces, { withFileTypes: true }).filter((entry) => !entry.isFile());
  const names = folders.map(({ name }) => name).sort();
  return Object.fromEntries(
    names.map((name) => [name, rawFiles(join(traces, name))]).filter(([, files]) => files.length > 0),
  );
}

/** Return the images of a directory, in order. */
export function rawFiles(folder) {
  const names = readdirSync(folder).filter((file) => file.endsWith('.raw'));
  return names.sort().map((file) => join(folder, file));
}

// A program with a heap of objects, strings and buffers, part of which changes between two snapshots.
const PROGRAM = `
const [keys, buffers] = process.argv.slice(1).map(Number);
const map = new Map(); const rows = []; let n = 0;
for (let i = 0; i < keys; i++) map.set('key-' + i, { id: i, name: 'row ' + (i * 7919 % 100003), at: Date.now() });
for (let i = 0; i < buffers; i++) rows.push(Buffer.alloc(1 << 20, 'pages of text, row ' + i + ' '));
setInterval(() => { for (let i = 0; i < 2000; i++) map.set('key-' + (n++ * 31 % keys), { id: n, name: 'changed ' + n, at: n }); }, 10);
process.stdout.write('ready');`;

async function makeImages(quick) {
  const sizes = quick ? ['50000', '8'] : ['400000', '64'];
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-bench-'));
  const child = spawn(process.execPath, ['-e', PROGRAM, ...sizes], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await new Promise((ready) => child.stdout.once('data', ready));
    const files = [];
    for (let i = 0; i < 3; i++) {
      const file = join(folder, `00${i}.raw`);
      await captureProcess(child.pid, file, { stop: true });
      files.push(file);
      await pause(300);
    }
    return { series: { process: files }, clean: () => rmSync(folder, { recursive: true, force: true }) };
  } finally {
    child.kill('SIGKILL');
  }
}
