// Two workers against one: each has kernels and memory of its own, shares the compiled module, and processes
// every other chunk of an image: scan, digests and lz4 of real pages. The result is the CPU time of the
// busiest thread, which a machine with idle cores would need; the wall time on this machine is printed beside
// it. Then zstd in groups of 1 MiB, against Node's.
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { kernelModule, packedLz4Capacity } from '../build/internal.mjs';
import { openImage } from '../dist/node.js';
import { findImages } from './images.mjs';
import { print, printTable, readOptions, verdict, wholeNumber, writeRows } from './kernels/suite.mjs';
import { raceZstdThreads } from './kernels/zstd-threads.mjs';
import { median, race } from './race.mjs';

const PAGE_BYTES = 4096;
const CHUNK_BYTES = 256 << 10;
const CHUNK_PAGES = CHUNK_BYTES / PAGE_BYTES;
const MAX_BYTES = 256 << 20;
const TARGET = 1.8;

export async function run(argv) {
  const { quick, json, traces, runs } = readOptions(argv, 'traces', 'runs');
  const rounds = wholeNumber('runs', runs, quick ? 3 : 9);
  const rows = [];
  if (!process.threadCpuUsage && !existsSync('/proc/thread-self/schedstat')) {
    print(
      'threads: skipped, neither process.threadCpuUsage (Node 22.15 on) nor /proc/thread-self/schedstat gives the CPU time of a thread',
    );
  } else {
    const { series, clean } = await findImages(traces, quick);
    try {
      for (const [name, [file]] of Object.entries(series)) {
        const pages = readPages(file, quick);
        rows.push(await measure(name, pages, rounds), ...(await raceZstdThreads(name, pages, rounds)));
      }
    } finally {
      clean();
    }
  }
  writeRows(json, rows);
}

/** Read chunks of an image into shared memory, except those that are all zeros. */
function readPages(file, quick) {
  const maxBytes = quick ? MAX_BYTES / 4 : MAX_BYTES;
  const pages = new Uint8Array(new SharedArrayBuffer(maxBytes));
  const source = openImage(file);
  try {
    let used = 0;
    for (let at = 0; used < maxBytes; at += CHUNK_BYTES) {
      const chunk = pages.subarray(used, used + CHUNK_BYTES);
      if (source.readAt(chunk, at) < CHUNK_BYTES) break;
      if (chunk.some((byte) => byte !== 0)) used += CHUNK_BYTES;
    }
    if (used < 2 * CHUNK_BYTES) throw new Error(`${file}: fewer than two nonzero chunks`);
    return pages.subarray(0, used);
  } finally {
    source.close();
  }
}

async function measure(name, pages, rounds) {
  const chunks = pages.length / CHUNK_BYTES;
  const workers = await startWorkers(pages, chunks);
  try {
    const alone = () => workers.ask([{ first: 0, step: 1, chunks }]);
    const both = () => workers.ask([0, 1].map((first) => ({ first, step: 2, chunks })));
    // Warm-up of both workers, and a comparison of the bytes that they write.
    const expected = await bytesAfter(workers, alone);
    if (Buffer.compare(expected, await bytesAfter(workers, both)) !== 0)
      throw new Error(`${name}: the output of two workers differs from that of one`);
    await workers.ask([0, 1].map(() => ({ first: 0, step: 1, chunks })));
    const contestants = [
      contestant('one worker, all chunks', alone),
      contestant('two workers, half each', both),
    ];
    const cpu = await race(contestants, { rounds });
    return report(name, pages.length, rounds, cpu, contestants);
  } finally {
    await workers.close();
  }
}

/** Return a contestant whose time is the CPU time of its busiest thread; `wall` collects the wall times. */
function contestant(name, ask) {
  const wall = [];
  const run = async () => {
    const started = performance.now();
    const replies = await ask();
    wall.push(performance.now() - started);
    return Math.max(...replies.map(({ cpuMs }) => cpuMs));
  };
  return { name, ownClock: true, run, wall };
}

/** Clear the shared outputs, run, and return a copy of them. */
async function bytesAfter({ out, results }, run) {
  out.fill(0);
  results.fill(0);
  await run();
  return Buffer.concat([out, Buffer.from(results.buffer)]);
}

async function startWorkers(pages, chunks) {
  const out = new Uint8Array(
    new SharedArrayBuffer(chunks * (16 * CHUNK_PAGES + packedLz4Capacity(CHUNK_BYTES))),
  );
  const results = new Uint32Array(new SharedArrayBuffer(8 * chunks));
  const workerData = {
    module: await kernelModule(),
    pages,
    out,
    results,
    chunkBytes: CHUNK_BYTES,
    pageBytes: PAGE_BYTES,
  };
  const pool = [0, 1].map(
    () => new Worker(new URL('./kernels/threads-worker.mjs', import.meta.url), { workerData }),
  );
  // A worker that failed sends no reply.
  const failed = new Promise((_, reject) => {
    for (const worker of pool) worker.once('error', reject);
  });
  failed.catch(() => {});
  const reply = (worker) => Promise.race([failed, new Promise((resolve) => worker.once('message', resolve))]);
  await Promise.all(pool.map(reply));
  return {
    out,
    results,
    /** Send one job to each worker, beginning with the first; resolve with all replies. */
    ask: (jobs) =>
      Promise.all(
        jobs.map((job, i) => {
          const answer = reply(pool[i]);
          pool[i].postMessage(job);
          return answer;
        }),
      ),
    close: () => Promise.all(pool.map((worker) => worker.terminate())),
  };
}

function report(name, bytes, rounds, [one, two], contestants) {
  const [oneWall, twoWall] = contestants.map(({ wall }) => median(wall));
  const row = {
    suite: 'threads',
    image: name,
    bytes,
    clock: process.threadCpuUsage ? 'process.threadCpuUsage' : '/proc/thread-self/schedstat',
    oneCpuMs: one.medianMs,
    twoLargestCpuMs: two.medianMs,
    oneWallMs: oneWall,
    twoWallMs: twoWall,
  };
  row.ratio = row.oneCpuMs / row.twoLargestCpuMs;
  row.wallRatio = row.oneWallMs / row.twoWallMs;
  const { text, ...result } = verdict(row.ratio, TARGET);
  print(
    `\n${name}, ${bytes >>> 20} MiB, scan, digests and lz4; medians of ${rounds}; CPU time by ${row.clock}`,
  );
  printTable(
    ['', 'CPU ms (busiest thread)', 'wall ms'],
    [
      [one.name, row.oneCpuMs.toFixed(1), row.oneWallMs.toFixed(1)],
      [two.name, row.twoLargestCpuMs.toFixed(1), row.twoWallMs.toFixed(1)],
      ['one / two', row.ratio.toFixed(2), row.wallRatio.toFixed(2)],
    ],
  );
  print(`  CPU time ${text}; the outputs are equal`);
  return { ...row, ...result };
}
