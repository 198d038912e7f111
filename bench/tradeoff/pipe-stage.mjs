// A link between two processes: a small program (`bench/native/throttle.c`) that lets through so many bits a
// second.
import { spawn } from 'node:child_process';
import { truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileC, findCompiler, NO_COMPILER } from '../kernels/native.mjs';

/** A socket's buffer: so much of the link's time, within these bounds. */
const BUFFER_MS = 1;
const MIN_BUFFER_BYTES = 256 << 10;
const MAX_BUFFER_BYTES = 1 << 20;
const UNLIMITED = 1e15;
const TRIAL_MS = 800;
const TRIALS = 3;

/** `{ stage(bitsPerSecond), … }`, or `{ missing }`: the reason why there is none. */
export function openPipe(folder) {
  if (process.platform !== 'linux')
    return { missing: `the pipe is made of Linux’s splice, this is ${process.platform}` };
  const compiler = findCompiler();
  if (!compiler) return { missing: NO_COMPILER };
  const program = join(folder, 'throttle');
  const missing = compileC(compiler, 'throttle', program, ['-O2']);
  if (missing) return { missing };
  const stage = (bitsPerSecond) => `${program} ${bitsPerSecond} ${bufferBytes(bitsPerSecond)}`;
  return {
    stage,
    /** What it lets through when it is not to limit anything, in bit/s. */
    async ceiling() {
      const bytes = 2e9;
      return (bytes * 8000) / (await trial(folder, bytes, stage(UNLIMITED)));
    },
    /**
     * How long raw bytes take through it, as a share of what they should take: the least of some trials,
     * since whatever else the machine does only adds.
     */
    async accuracy(bitsPerSecond) {
      const bytes = Math.round((bitsPerSecond * TRIAL_MS) / 8000);
      const taken = [];
      for (let i = 0; i < TRIALS; i++)
        taken.push((await trial(folder, bytes, stage(bitsPerSecond))) / TRIAL_MS);
      return Math.min(...taken);
    },
  };
}

function bufferBytes(bitsPerSecond) {
  return Math.min(
    MAX_BUFFER_BYTES,
    Math.max(MIN_BUFFER_BYTES, Math.round((bitsPerSecond * BUFFER_MS) / 8000)),
  );
}

/** Milliseconds that zeros out of a file with nothing in it take. */
async function trial(folder, bytes, stage) {
  const file = join(folder, 'trial');
  writeFileSync(file, '');
  truncateSync(file, bytes);
  try {
    return await shell(`cat ${file} | ${stage} | cat > /dev/null`);
  } finally {
    unlinkSync(file);
  }
}

/**
 * Runs a line of processes joined by pipes; gives the milliseconds until the last is done. @throws with what
 * they complained about
 */
export async function shell(line) {
  const startedAt = performance.now();
  const child = spawn('sh', ['-c', line], { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (text) => {
    complaint += text;
  });
  const status = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  const ms = performance.now() - startedAt;
  if (status !== 0) throw new Error(`${line}: ${complaint.trim() || `ended with ${status}`}`);
  return ms;
}
