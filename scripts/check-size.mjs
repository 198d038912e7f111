// What is loaded stays small: the kernels, all of `pageferry` as a browser gets it, and what the command line
// loads, each have a budget in bytes. Sizes are exact, the same on every machine; whoever needs more raises
// the budget here, where it is seen.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { browserBundle } from './browser-bundle.mjs';

const KIB = 1024;
const kernels = readFileSync('build/kernels.wasm');
const bundle = await browserBundle();

check('kernels', kernels.length, 24 * KIB);
check('browser bundle', bundle.length, 132 * KIB, `, ${gzipSync(bundle).length} with gzip`);
// What few call (tradeoff, simulate, agent) and the charts' libraries are loaded only where they are wanted.
check('command line at its start', loadedBytes('dist/cli.js'), 448 * KIB);
check('report page', readFileSync('dist/report-page.js').length, 576 * KIB);

/** Of a file, and of all that it imports before it runs. */
function loadedBytes(file, seen = new Set()) {
  if (seen.has(file)) return 0;
  seen.add(file);
  const text = readFileSync(file);
  const imports = [...text.toString().matchAll(/^(?:import|export)\b[^;'"]*?['"](\.[^'"]+)['"]/gm)];
  return imports.reduce((sum, [, path]) => sum + loadedBytes(join(dirname(file), path), seen), text.length);
}

function check(what, bytes, budget, more = '') {
  const size = `${what}: ${bytes} bytes of ${budget}${more}\n`;
  if (bytes <= budget) process.stdout.write(size);
  else {
    process.stderr.write(`${what}: ${bytes} bytes, ${bytes - budget} over the budget of ${budget}\n`);
    process.exitCode = 1;
  }
}
