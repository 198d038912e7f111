// Builds dist/: the kernels, the worker that contains them, then the JavaScript and the declarations in two
// processes at a time. Prints nothing unless a step fails.
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
try {
  // The sources import what these two write: on a fresh clone nothing else can run before.
  await buildKernels();
  await run('scripts/build-worker.mjs');
  await all([
    run('scripts/build-internal.mjs')
      .then(() => run('scripts/build-cli.mjs'))
      .then(() => run(TSUP, '--silent')),
    ...(hasDeclarations ? [run(TSUP, '--silent', '--config', 'tsup.declarations.ts')] : []),
  ]);
} catch ({ message }) {
  process.stderr.write(`build: ${message}\n`);
  process.exitCode = 1;
}

async function buildKernels() {
  await run('scripts/build-kernels.mjs');
  mkdirSync(new URL('../dist', import.meta.url), { recursive: true });
  for (const name of ['kernels', 'zstd'])
    copyFileSync(
      new URL(`../build/${name}.wasm`, import.meta.url),
      new URL(`../dist/${name}.wasm`, import.meta.url),
    );
}

/** Resolve when all steps have ended: one that fails must not leave another running. @throws all failures */
async function all(steps) {
  const results = await Promise.allSettled(steps);
  const messages = results.flatMap(({ reason }) => (reason ? [reason.message] : []));
  if (messages.length > 0) throw new Error(messages.join('\nbuild: '));
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
