// Checks the sizes of the kernels, of the `pageferry` entry as a browser loads it, and of what the CLI loads
// for a command. Sizes are exact and equal on every machine. To raise a budget, change it here.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { browserBundle } from './browser-bundle.mjs';

const KIB = 1024;
const kernels = readFileSync('build/kernels.wasm').length + readFileSync('build/zstd.wasm').length;
const bundle = await browserBundle();

check('kernels', kernels, 60 * KIB);
check('browser bundle', bundle.length, 175 * KIB, `, ${gzipSync(bundle).length} with gzip`);
// Each command is one file beside cli.js (scripts/build-cli.mjs); the chart library is loaded on demand.
for (const [command, kib] of [
  ['main', 15],
  ['store-list', 49],
  ['pack', 510],
  ['unpack', 491],
  ['store', 558],
])
  check(`cli-${command}`, loadedBytes('dist/cli.js') + loadedBytes(`dist/cli-${command}.js`), kib * KIB);
check('report page', readFileSync('dist/report-page.js').length, 576 * KIB);

/** Return the bytes of a file and of its static imports. */
function loadedBytes(file, seen = new Set()) {
  if (seen.has(file)) return 0;
  seen.add(file);
  const text = readFileSync(file);
  const imports = [...text.toString().matchAll(/^(?:import|export)\b[^;'"(]*?['"](\.[^'"]+)['"]/gm)];
  return imports.reduce((sum, [, path]) => sum + loadedBytes(join(dirname(file), path), seen), text.length);
}

function check(name, bytes, budget, more = '') {
  const size = `${name}: ${bytes} bytes of ${budget}${more}\n`;
  if (bytes <= budget) process.stdout.write(size);
  else {
    process.stderr.write(`${name}: ${bytes} bytes, ${bytes - budget} over the budget of ${budget}\n`);
    process.exitCode = 1;
  }
}
