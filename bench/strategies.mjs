// Inside one process: adaptive against every fixed strategy at every link rate. Pipelined time is the longer of encoding and
// sending; the strategies take turns, in another order every round, and the medians are compared.
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Bench } from 'tinybench';
import { createEncoder } from '../dist/index.js';
import { openImage } from '../dist/node.js';
import { findImages } from './images.mjs';

const LINKS = { '100Mbit': 100e6, '1Gbit': 1e9, '10Gbit': 10e9, '40Gbit': 40e9, '100Gbit': 100e9 };
const FIXED = ['fixed:raw', 'fixed:lz4', 'fixed:wkdm', 'fixed:zstd:1', 'fixed:zstd:3', 'fixed:zstd:9'];

export async function run(argv) {
  const { values } = parseArgs({
    args: argv,
    options: { quick: { type: 'boolean' }, traces: { type: 'string' }, runs: { type: 'string' }, threads: { type: 'string' } },
  });
  const rounds = Number(values.runs ?? (values.quick ? 1 : 5));
  const threads = Number(values.threads ?? 2);
  const { series, clean } = await findImages(values.traces);
  try {
    for (const [name, [file]] of Object.entries(series)) await compare(name, file, rounds, threads);
  } finally {
    clean();
  }
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

async function compare(name, file, rounds, threads) {
  const taken = new Map();
  const tasks = [
    ...FIXED.map((strategy) => ({ strategy, link: 1e9, key: strategy })),
    ...Object.entries(LINKS).map(([text, link]) => ({ strategy: 'adaptive', link, key: `adaptive ${text}` })),
  ];
  // One round more, thrown away, warms everything up.
  for (let round = -1; round < rounds; round++) {
    const bench = new Bench({ time: 0, iterations: 1, warmup: false });
    for (const { strategy, link, key } of shuffled(tasks)) {
      bench.add(key, async () => {
        // What one leaves behind is not for the next to clear up.
        collectGarbage();
        const { encodeMs, bytesOut } = await encode(file, strategy, link, threads);
        if (round >= 0) taken.set(key, [...(taken.get(key) ?? []), { ms: encodeMs, bytes: bytesOut }]);
        return { overriddenDuration: encodeMs };
      });
    }
    await bench.run();
    const failed = bench.tasks.find(({ result }) => result.state === 'errored');
    if (failed) throw failed.result.error;
  }
  process.stdout.write(`\n${name}, ${threads} threads, medians of ${rounds}\n`);
  for (const [text, link] of Object.entries(LINKS)) {
    const pipelined = (key) => median(taken.get(key).map(({ ms, bytes }) => Math.max(ms, (bytes * 8000) / link)));
    const best = FIXED.reduce((a, b) => (pipelined(b) < pipelined(a) ? b : a));
    const ours = pipelined(`adaptive ${text}`);
    const row = `adaptive ${ours.toFixed(0)} ms; best fixed ${best} ${pipelined(best).toFixed(0)} ms, ratio ${(ours / pipelined(best)).toFixed(3)}; raw ${pipelined('fixed:raw').toFixed(0)} ms, ratio ${(ours / pipelined('fixed:raw')).toFixed(3)}`;
    process.stdout.write(`  ${text.padStart(8)}: ${row}\n`);
  }
}

async function encode(file, strategy, linkBitsPerSecond, threads) {
  const source = openImage(file);
  try {
    const encoder = await createEncoder(() => {}, { strategy, linkBitsPerSecond, threads, similar: false, deltaBudgetBytes: 0 });
    await encoder.encode(source);
    return await encoder.finish();
  } finally {
    source.close();
  }
}

/** The same orders in every run. */
let seed = 1;
function shuffled(list) {
  const result = [...list];
  for (let i = result.length - 1; i > 0; i--) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((seed / 2 ** 32) * (i + 1));
    [result[i], result[j]] = [result[j], result[i]];
  }
  return result;
}

function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}
