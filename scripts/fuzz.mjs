// Feeds seeded hostile inputs to kernels, decoder and page reader until as many as asked are done; see
// docs/hostile-input.md.
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
const KINDS = ['kernel', 'stream', 'file'];
/** An input that takes this long hangs. */
const HANG_MS = 20_000;
/** More memory than this for the whole process is a failure: an input made it run away. */
const MAX_RSS_MIB = 1024;

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
  const { report, runShard, summed } = await import(SHARD.href);
  if (values.only !== undefined) {
    const [kind, at] = values.only.split(':');
    if (!KINDS.includes(kind)) wrong(`--only: expected kernel:N, stream:N or file:N, got ${values.only}`);
    const first = number('only', at);
    const { tally, failures } = await runShard(alone(seed, kind, first));
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
  const { tally, failures } = summed(await Promise.all(shards.map(watched)));
  // The clock on the wall also counts what else the machine did: what is slow for its own sake is slow again.
  for (const input of tally.slow.splice(0)) {
    const [kind, at] = input.split(':');
    const again = await runShard(alone(seed, kind, Number(at)));
    if (again.tally.slowestMs <= 1000) continue;
    tally.slow.push(input);
    failures.push(`--seed ${seed} --only ${input}: takes ${Math.round(again.tally.slowestMs)} ms`);
  }
  finish(report(seed, tally), tally, failures);
}

function alone(seed, kind, first) {
  return { seed, [kind]: { first, step: 1, end: first + 1 } };
}

/** Runs a shard in a thread of its own, so that an input that never ends can be named. */
function watched(shard) {
  const worker = new Worker(new URL(import.meta.url), { workerData: shard });
  const progress = new Int32Array(shard.progress);
  return new Promise((resolve, reject) => {
    let last = '';
    let since = performance.now();
    const watch = setInterval(() => {
      const [kind, at] = progress;
      const input = `${KINDS[kind]}:${at}`;
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
  const rssMib = process.resourceUsage().maxRSS / 1024;
  if (rssMib > MAX_RSS_MIB)
    process.stdout.write(
      `\nFAILED ${Math.round(rssMib)} MiB of memory, at most ${MAX_RSS_MIB} are expected\n`,
    );
  if (failures.length > 0 || rssMib > MAX_RSS_MIB) process.exitCode = 1;
}

function number(name, text) {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  return wrong(`--${name}: expected a whole number, got ${text}`);
}

function wrong(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
