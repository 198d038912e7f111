// Feeds seeded hostile inputs to kernels, decoder and page reader (docs/hostile-input.md).
//
//   npm run fuzz -- [--seed N] [--inputs N] [--threads N] [--only kernel:N | stream:N | file:N | zstd:N |
//               store:N | image:N]
//   npm run fuzz -- --zstd | --store | --image [--seed N] [--inputs N] [--threads N]
//                                                            zstd frames, stores, or image files only
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { fuzzReport, runFuzzShard, sumFuzzShards } from '../build/internal.mjs';

/**
 * One input in twelve is a stream for the decoder, one a file for the page reader, one of a store (packs,
 * manifests), one an image file or a container, two are frames for the zstd decoder; the others are for the
 * codecs' kernels.
 */
const STREAM_SHARE = 12;
const KINDS = ['kernel', 'stream', 'file', 'zstd', 'store', 'image'];
/** An input that takes longer is reported as a hang. */
const HANG_MS = 20_000;
/** Memory limit of the whole process; exceeding it is a failure. */
const MAX_RSS_MIB = 1024;

if (isMainThread) await main();
else parentPort.postMessage(await runFuzzShard(workerData));

async function main() {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      inputs: { type: 'string', default: '1200000' },
      threads: { type: 'string', default: '2' },
      only: { type: 'string' },
      zstd: { type: 'boolean', default: false },
      store: { type: 'boolean', default: false },
      image: { type: 'boolean', default: false },
    },
  });
  const seed = number('seed', values.seed);
  const inputs = number('inputs', values.inputs);
  const threads = number('threads', values.threads);
  if (values.only !== undefined) {
    const [kind, at] = values.only.split(':');
    if (!KINDS.includes(kind))
      wrong(`--only: expected kernel:N, stream:N, file:N, zstd:N, store:N or image:N, got ${values.only}`);
    const first = number('only', at);
    const { tally, failures } = await runFuzzShard(alone(seed, kind, first));
    finish(fuzzReport(seed, tally), tally, failures);
    return;
  }
  const isOneKind = values.zstd || values.store || values.image;
  const streams = isOneKind ? 0 : Math.floor(inputs / STREAM_SHARE);
  const frames = values.zstd ? inputs : 2 * streams;
  const stores = values.store ? inputs : streams;
  const images = values.image ? inputs : streams;
  const shards = Array.from({ length: threads }, (_, first) => ({
    seed,
    kernel: { first, step: threads, end: Math.max(0, inputs - 2 * streams - frames - stores - images) },
    zstd: { first, step: threads, end: frames },
    store: { first, step: threads, end: stores },
    image: { first, step: threads, end: images },
    stream: { first, step: threads, end: streams },
    file: { first, step: threads, end: streams },
    progress: new SharedArrayBuffer(8),
  }));
  const { tally, failures } = sumFuzzShards(await Promise.all(shards.map(watched)));
  // Wall time includes other processes' work: a slow input counts only if it is slow again alone.
  for (const input of tally.slow.splice(0)) {
    const [kind, at] = input.split(':');
    const repeated = await runFuzzShard(alone(seed, kind, Number(at)));
    if (repeated.tally.slowestMs <= 1000) continue;
    tally.slow.push(input);
    failures.push(`--seed ${seed} --only ${input}: takes ${Math.round(repeated.tally.slowestMs)} ms`);
  }
  finish(fuzzReport(seed, tally), tally, failures);
}

/** A shard of one input. */
function alone(seed, kind, first) {
  return { seed, [kind]: { first, step: 1, end: first + 1 } };
}

/** Run a shard in a thread of its own, so that an input that never ends can be reported. */
function watched(shard) {
  const worker = new Worker(new URL(import.meta.url), { workerData: shard });
  const progress = new Int32Array(shard.progress);
  return new Promise((resolve, reject) => {
    let last = '';
    let since = performance.now();
    const timer = setInterval(() => {
      const [kind, at] = progress;
      const input = `${KINDS[kind]}:${at}`;
      if (input !== last) [last, since] = [input, performance.now()];
      else if (performance.now() - since > HANG_MS) {
        clearInterval(timer);
        worker.terminate();
        reject(new Error(`no result for ${HANG_MS} ms: --seed ${shard.seed} --only ${input}`));
      }
    }, 500);
    worker.once('message', (result) => {
      clearInterval(timer);
      resolve(result);
    });
    worker.once('error', reject);
    worker.once('exit', (code) => {
      clearInterval(timer);
      reject(new Error(`a fuzz thread ended with exit code ${code}`));
    });
  });
}

function finish(text, tally, failures) {
  process.stdout.write(`${text}\n`);
  const errors = Object.entries(tally.messages).sort(([, a], [, b]) => b - a);
  process.stdout.write(
    `\n${errors.length} different errors:\n${errors.map(([message, count]) => `${String(count).padStart(9)}  ${message}`).join('\n')}\n`,
  );
  for (const failure of failures) process.stdout.write(`\nFAILED ${failure}\n`);
  const rssMib = process.resourceUsage().maxRSS / 1024;
  if (rssMib > MAX_RSS_MIB)
    process.stdout.write(`\nFAILED ${Math.round(rssMib)} MiB of memory, the limit is ${MAX_RSS_MIB} MiB\n`);
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
