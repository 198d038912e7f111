// Feeds seeded hostile inputs to kernels, decoder and page reader until as many as asked are done; see docs/hostile-input.md.
//
//   node scripts/fuzz.mjs [--seed N] [--inputs N] [--threads N] [--only kernel:N | stream:N | file:N]
//
// Needs the kernels built (npm run build:kernels && npm run build:worker).
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { build } from 'esbuild';

const SHARD = new URL('../build/fuzz/shard.mjs', import.meta.url);
/** Of so many inputs, one is a stream; and as many are files. */
const STREAM_SHARE = 12;
/** An input that takes this long hangs. */
const HANG_MS = 20_000;

if (isMainThread) await main();
else {
  const { runShard } = await import(SHARD.href);
  parentPort.postMessage(await runShard(workerData));
}

async function main() {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      inputs: { type: 'string', default: '1200000' },
      threads: { type: 'string', default: '2' },
      only: { type: 'string' },
    },
  });
  const seed = number('seed', values.seed);
  const inputs = number('inputs', values.inputs);
  const threads = number('threads', values.threads);
  const root = fileURLToPath(new URL('..', import.meta.url));
  await build({
    absWorkingDir: root,
    entryPoints: ['test/hostile/shard.ts'],
    outfile: fileURLToPath(SHARD),
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    sourcemap: true,
    logOverride: { 'empty-import-meta': 'silent' },
  });
  process.setSourceMapsEnabled(true);
  const { KINDS, emptyTally, addTally, report, runShard } = await import(SHARD.href);
  if (values.only !== undefined) {
    const [kind, at] = values.only.split(':');
    const first = number('only', at);
    const { tally, failures } = await runShard({ seed, [kind]: { first, step: 1, end: first + 1 } });
    finish(report(seed, tally), tally, failures);
    return;
  }
  const streams = Math.floor(inputs / STREAM_SHARE);
  const shards = Array.from({ length: threads }, (_, first) => ({
    seed,
    kernel: { first, step: threads, end: inputs - 2 * streams },
    stream: { first, step: threads, end: streams },
    file: { first, step: threads, end: streams },
    progress: new SharedArrayBuffer(8),
  }));
  const results = await Promise.all(shards.map((shard) => watched(shard, KINDS)));
  const tally = emptyTally();
  for (const result of results) addTally(tally, result.tally);
  finish(
    report(seed, tally),
    tally,
    results.flatMap(({ failures }) => failures),
  );
}

/** Runs a shard in a thread of its own, so that an input that never ends can be named. */
function watched(shard, kinds) {
  const worker = new Worker(new URL(import.meta.url), { workerData: shard });
  const progress = new Int32Array(shard.progress);
  return new Promise((resolve, reject) => {
    let last = '';
    let since = performance.now();
    const watch = setInterval(() => {
      const [kind, at] = progress;
      const input = `${kinds[kind]}:${at}`;
      if (input !== last) [last, since] = [input, performance.now()];
      else if (performance.now() - since > HANG_MS) {
        clearInterval(watch);
        worker.terminate();
        reject(new Error(`hangs: --seed ${shard.seed} --only ${input}`));
      }
    }, 500);
    worker.once('message', (result) => {
      clearInterval(watch);
      resolve(result);
    });
    worker.once('error', reject);
    worker.once('exit', (code) => {
      clearInterval(watch);
      reject(new Error(`a thread ended with code ${code}`));
    });
  });
}

function finish(text, tally, failures) {
  process.stdout.write(`${text}\n`);
  const depth = Object.entries(tally.messages).sort(([, a], [, b]) => b - a);
  process.stdout.write(
    `\n${depth.length} different refusals:\n${depth.map(([what, times]) => `${String(times).padStart(9)}  ${what}`).join('\n')}\n`,
  );
  for (const failure of failures) process.stdout.write(`\nFAILED ${failure}\n`);
  if (failures.length > 0) process.exitCode = 1;
}

function number(name, text) {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  process.stderr.write(`--${name}: expected a whole number, got ${text}\n`);
  process.exit(2);
}
