// Builds dist/: the kernels, then the worker and the JavaScript that contain them; the declarations in a
// process beside that. Prints nothing unless a step fails.
//
//   node scripts/build.mjs [--no-declarations]
//
// Tests, examples and benches run the JavaScript only, and leave the declarations out.
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TSUP = 'node_modules/tsup/dist/cli-default.js';
const hasDeclarations = !process.argv.includes('--no-declarations');

rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true });
const steps = [
  buildJavaScript(),
  ...(hasDeclarations ? [run(TSUP, '--silent', '--config', 'tsup.declarations.ts')] : []),
];
const results = await Promise.allSettled(steps);
for (const { reason } of results.filter(({ status }) => status === 'rejected'))
  process.stderr.write(`build: ${reason.message}\n`);
if (results.some(({ status }) => status === 'rejected')) process.exitCode = 1;

async function buildJavaScript() {
  await run('scripts/build-kernels.mjs');
  mkdirSync(new URL('../dist', import.meta.url), { recursive: true });
  copyFileSync(
    new URL('../build/kernels.wasm', import.meta.url),
    new URL('../dist/kernels.wasm', import.meta.url),
  );
  await run('scripts/build-worker.mjs');
  await run('scripts/build-internal.mjs');
  await run(TSUP, '--silent');
}

function run(...command) {
  const child = spawn(process.execPath, command, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${command.join(' ')} ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}
