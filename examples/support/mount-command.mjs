// `pageferry mount` as a process of its own, and the reasons why a system cannot run it.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** Run `pageferry` and return its output. */
export function pageferry(...argv) {
  return execFileSync(process.execPath, [CLI, ...argv], { encoding: 'utf8' });
}

/** Return why this system cannot mount or lacks one of `programs`, or undefined. */
export function skipReason(programs) {
  if (process.getuid?.() !== 0) return 'mounting needs root';
  if (!isInstalled('lmdb')) return 'the store needs the package lmdb';
  if (!existsSync('/dev/fuse')) return '/dev/fuse does not exist';
  const missing = programs.find((program) => spawnSync(program, ['--version']).error);
  return missing && `${missing} is not installed`;
}

function isInstalled(name) {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** Mount, and wait until it is mounted. `close` unmounts and returns the report of the command. */
export async function startMount(...argv) {
  const child = spawn(process.execPath, [CLI, 'mount', ...argv, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  const lines = [];
  const reader = createInterface(child.stdout).on('line', (line) => lines.push(line));
  await Promise.race([once(reader, 'line'), closed]);
  if (lines.length === 0) throw new Error('pageferry mount: failed');
  return {
    async close() {
      child.kill('SIGTERM');
      const [code] = await closed;
      if (code !== 0) throw new Error(`pageferry mount: exit code ${code}`);
      return JSON.parse(lines.at(-1));
    },
  };
}
