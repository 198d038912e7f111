// Programs that are run, and what they leave.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Run a program to its end; return its output. @throws when it fails */
export function ran(program, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...options,
  });
  if (error || status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error ?? stderr}`);
  return stdout ?? '';
}

/** Run a program to its end; return its wall time and output. */
export function timed(program, args, options) {
  const started = performance.now();
  const stdout = ran(program, args, options);
  return { ms: performance.now() - started, stdout };
}

/** Run a program with GNU time; return also its peak memory in MiB, 0 without that program. */
export function measured(program, args) {
  const hasTime = !spawnSync('time', ['--version']).error;
  const words = hasTime ? ['time', '-f', 'peak %M', program, ...args] : [program, ...args];
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(words[0], words.slice(1), {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
  return {
    ms: performance.now() - started,
    stdout,
    peakMiB: Number(/peak (\d+)/.exec(stderr)?.[1] ?? 0) / 1024,
  };
}

/** Bytes on disk of all files under a directory: a database has holes. */
export function bytesUnder(dir) {
  let bytes = 0;
  for (const entry of readdirSync(dir, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    bytes += 512 * statSync(join(entry.parentPath ?? entry.path, entry.name)).blocks;
  }
  return bytes;
}
