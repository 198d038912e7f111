// How encoding scales with cores: `fixed:lz4` and `fixed:raw` with one thread and with two, in turns, and a
// model of eight cores from stage costs that are measured here. The thread that decides cannot be shared out:
// its time for a MiB of image limits what any number of workers can do.
import { readFileSync, statSync } from 'node:fs';
import { createEncoder } from '../dist/index.js';
import { openImage } from '../dist/node.js';
import { findImages } from './images.mjs';
import { print, printTable, readOptions, verdict, wholeNumber, writeRows } from './kernels/suite.mjs';
import { median, race } from './race.mjs';

const MIB = 1 << 20;
const STRATEGIES = ['fixed:lz4', 'fixed:raw'];
const MIN_SPEEDUP = 1.7;
const MODEL_WORKERS = 8;
/** Bytes a second at which the deciding thread may be busy for MAX_DECIDING of the time. */
const MODEL_RATE = 4e9;
const MAX_DECIDING = 0.1;

export async function run(argv) {
  const { quick, json, traces, runs } = readOptions(argv, 'traces', 'runs');
  const rounds = wholeNumber('runs', runs, quick ? 1 : 5);
  const { series, clean } = await findImages(traces, quick);
  const rows = [];
  try {
    for (const [name, [image]] of Object.entries(series)) {
      print(`\n${name}: ${Math.round(statSync(image).size / MIB)} MiB`);
      for (const strategy of STRATEGIES) rows.push(await compare(name, image, strategy, rounds));
      for (const strategy of STRATEGIES) rows.push(await model(name, image, strategy, rounds));
    }
  } finally {
    clean();
  }
  writeRows(json, rows);
}

/** Compare one thread with two, from the start of the encoder to the end of its stream. */
async function compare(name, image, strategy, rounds) {
  const lane = (threads) => ({
    name: `${threads}`,
    ownClock: true,
    run: async () => (await encode(image, strategy, { threads })).summary.encodeMs,
  });
  const [one, two] = await race([lane(1), lane(2)], { rounds });
  const speedup = two.perSecond / one.perSecond;
  const { text, ...result } = verdict(speedup, MIN_SPEEDUP);
  print(`  ${strategy}: two threads are ${speedup.toFixed(2)} × as fast as one, ${text}`);
  return { suite: 'scale', image: name, strategy, speedup, ...result };
}

/** Compute what eight cores do from the costs of the stages, in CPU ms a MiB of image. */
async function model(name, image, strategy, rounds) {
  const deciding = [];
  const working = [];
  // The first round warms the code up.
  for (let round = 0; round <= rounds; round++) {
    const costs = [await decidingCost(image, strategy), await workingCost(image, strategy)];
    if (round === 0) continue;
    deciding.push(costs[0]);
    working.push(costs[1]);
  }
  const [decidingMs, workingMs] = [median(deciding), median(working)];
  const rate = (1000 * MIB * MODEL_WORKERS) / workingMs;
  const busyAt = (bytesPerSecond) => (decidingMs * bytesPerSecond) / MIB / 1000;
  const { text, ...result } = verdict(busyAt(MODEL_RATE), MAX_DECIDING, { atMost: true });
  print(`  ${strategy}: CPU time by thread, model of ${MODEL_WORKERS} workers on as many cores`);
  printTable(
    ['', 'ms/MiB', 'GB/s', 'deciding thread is busy'],
    [
      [
        'workers: read, scan, hash, pack',
        workingMs.toFixed(3),
        (rate / 1e9).toFixed(1),
        percent(busyAt(rate)),
      ],
      ['deciding thread, at 4 GB/s', decidingMs.toFixed(3), '4.0', `${percent(busyAt(MODEL_RATE))}, ${text}`],
    ],
  );
  const figures = { decidingMsPerMiB: decidingMs, workingMsPerMiB: workingMs, modelBytesPerSecond: rate };
  return {
    suite: 'scale-model',
    image: name,
    strategy,
    ...figures,
    busyAt4GB: busyAt(MODEL_RATE),
    ...result,
  };
}

function percent(share) {
  return `${(100 * share).toFixed(0)} %`;
}

/**
 * Measure all CPU time of the calling thread for a MiB: look-ups, choice, tables, frames, writes, waking up.
 * It runs no jobs, except before the worker has started: those are subtracted.
 */
async function decidingCost(image, strategy) {
  let startNs = 0;
  let jobsMs = 0;
  const { threads } = await encode(image, strategy, {
    threads: 2,
    onEncoder({ parts }) {
      parts.threads.help = () => parts.threads.report();
      jobsMs = parts.threads.local.totalMs;
      startNs = threadCpuNs();
    },
  });
  const ms = (threadCpuNs() - startNs) / 1e6 - (threads.local.totalMs - jobsMs);
  return (ms * MIB) / statSync(image).size;
}

/** Measure the CPU time of the jobs, on whichever thread, for a MiB. */
async function workingCost(image, strategy) {
  const { summary } = await encode(image, strategy, { threads: 2, timeline: true });
  const ms = summary.timeline.reduce(
    (sum, { stages }) => sum + stages.read.cpuMs + stages.scan.cpuMs + stages.pack.cpuMs,
    0,
  );
  return (ms * MIB) / statSync(image).size;
}

async function encode(image, strategy, { onEncoder, ...options }) {
  const source = openImage(image);
  const encoder = await createEncoder(() => {}, {
    strategy,
    indexPages: source.bytes / 4096,
    similar: false,
    deltaBudgetBytes: 0,
    ...options,
  });
  try {
    onEncoder?.(encoder);
    await encoder.encode(source);
    const { threads } = encoder.parts;
    return { summary: await encoder.finish(), threads };
  } finally {
    await encoder.close();
    source.close();
  }
}

/** Nanoseconds that the calling thread has run on a core (Linux). */
function threadCpuNs() {
  return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]);
}
