// A link between two processes: bench/native/throttle.c, a program that limits the rate of a pipe.
import { spawn } from 'node:child_process';
import { truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileC, findCompiler, NO_COMPILER } from '../kernels/native.mjs';

/** Pipe buffer, as a time at the link's rate, within the bounds below. */
const BUFFER_MS = 1;
const MIN_BUFFER_BYTES = 256 << 10;
const MAX_BUFFER_BYTES = 1 << 20;
const UNLIMITED = 1e15;
const TRIAL_MS = 800;
const TRIALS = 3;

/** Compile the program. Returns `{ stage(bitsPerSecond), … }`, or `{ missing }` with the reason. */
export function openPipe(folder) {
  if (process.platform !== 'linux')
    return { missing: `the rate limiter needs Linux (splice), this is ${process.platform}` };
  const compiler = findCompiler();
  if (!compiler) return { missing: NO_COMPILER };
  const program = join(folder, 'throttle');
  const missing = compileC(compiler, 'throttle', program, ['-O2']);
  if (missing) return { missing };
  const stage = (bitsPerSecond) => `${program} ${bitsPerSecond} ${bufferBytes(bitsPerSecond)}`;
  return {
    stage,
    /** Return the words of a command that also reports at its end, on a descriptor (throttle.c). */
    reporting: (bitsPerSecond, fd) => [...stage(bitsPerSecond).split(' '), String(fd)],
    /** Measure its maximum rate, in bit/s. */
    async ceiling() {
      const bytes = 2e9;
      return (bytes * 8000) / (await trial(folder, bytes, stage(UNLIMITED)));
    },
    /**
     * Measure its time for raw bytes relative to the nominal time. Returns the minimum of several trials,
     * because other processes only add time.
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

/** Return the milliseconds that a sparse file of zeros takes. */
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
 * Run a shell pipeline; return the milliseconds until the last process ends.
 *
 * @throws Error with the standard error of the pipeline
 */
export async function shell(line) {
  const startedAt = performance.now();
  const child = spawn('sh', ['-c', line], { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (text) => {
    errors += text;
  });
  const status = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  const ms = performance.now() - startedAt;
  if (status !== 0) throw new Error(`${line}: ${errors.trim() || `exit status ${status}`}`);
  return ms;
}
