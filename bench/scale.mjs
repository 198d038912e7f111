// How encoding scales with cores: `fixed:lz4` and `fixed:raw` with one thread and with two, in turns, and a
// model of eight cores from stage costs that are measured here. The thread that decides cannot be shared out:
// its time for a MiB of image limits what any number of workers can do.
import { readFileSync, statSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
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
    for (const [name, images] of Object.entries(series)) {
      print(`\n${name}: ${mibOf(images.slice(0, 1))} MiB`);
      for (const strategy of STRATEGIES) rows.push(await compare(name, images[0], strategy, rounds));
      print(`\n${name}, ${images.length} images in one stream: ${mibOf(images)} MiB`);
      for (const strategy of STRATEGIES) rows.push(await model(name, images, strategy, rounds));
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
    run: async () => (await encode([image], strategy, { threads })).summary.encodeMs,
  });
  const [one, two] = await race([lane(1), lane(2)], { rounds });
  const speedup = two.perSecond / one.perSecond;
  const { text, ...result } = verdict(speedup, MIN_SPEEDUP);
  print(`  ${strategy}: two threads are ${speedup.toFixed(2)} × as fast as one, ${text}`);
  return { suite: 'scale', image: name, strategy, speedup, ...result };
}

/**
 * Compute what eight cores do from the costs of the stages, in CPU ms a MiB of image. All images are in one
 * stream: a second at MODEL_RATE is 4 GB, of which the first 100 ms warm the code up.
 */
async function model(name, images, strategy, rounds) {
  const deciding = [];
  const working = [];
  // The first round warms the code up.
  for (let round = 0; round <= rounds; round++) {
    const costs = [await decidingCost(images, strategy), await workingCost(images, strategy)];
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
 * Measure all CPU time of the calling thread for a MiB: choice, tables, frames, writes, waking up. It runs no
 * jobs: workers are started before, and it does not help them.
 */
async function decidingCost(images, strategy) {
  let startNs = 0;
  await encode(images, strategy, {
    threads: 2,
    async onEncoder({ parts: { threads } }) {
      threads.help = () => threads.report();
      threads.prepare(true);
      while (threads.isLocal) await setTimeout(1);
      startNs = threadCpuNs();
    },
  });
  return (threadCpuNs() - startNs) / 1e6 / mibOf(images);
}

/** Measure the CPU time of the jobs, on whichever thread, for a MiB. */
async function workingCost(images, strategy) {
  const { summary } = await encode(images, strategy, { threads: 2, timeline: true });
  const ms = summary.timeline.reduce(
    (sum, { stages }) => sum + stages.read.cpuMs + stages.scan.cpuMs + stages.pack.cpuMs,
    0,
  );
  return ms / mibOf(images);
}

function mibOf(images) {
  return images.reduce((bytes, image) => bytes + statSync(image).size, 0) / MIB;
}

async function encode(images, strategy, { onEncoder, ...options }) {
  const sources = images.map((image) => openImage(image));
  const encoder = await createEncoder(() => {}, {
    strategy,
    indexPages: (mibOf(images) * MIB) / 4096,
    similar: false,
    deltaBudgetBytes: 0,
    ...options,
  });
  try {
    await onEncoder?.(encoder);
    for (const source of sources) await encoder.encode(source);
    return { summary: await encoder.finish() };
  } finally {
    await encoder.close();
    for (const source of sources) source.close();
  }
}

/** Nanoseconds that the calling thread has run on a core (Linux). */
function threadCpuNs() {
  return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]);
}
