// zstd level 1 in groups of 1 MiB: two workers with our kernels against Node's zstd (22.15 and later) on two
// of its own threads, called as the engine calls it. Wall time; two threads work in both cases.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import zlib from 'node:zlib';
import { loadZstd } from '../../dist/index.js';
import { race } from '../race.mjs';
import { print, verdict } from './suite.mjs';

const GROUP_BYTES = 1 << 20;
const LEVEL = 1;
const TARGET = 0.8;

/** Return the row of one image, or none where Node has no zstd. `pages` is in shared memory. */
export async function raceZstdThreads(image, pages, rounds) {
  if (!zlib.zstdCompress) {
    print(`  zstd in groups of 1 MiB: skipped, ${process.version} has no zstd (22.15 and later have)`);
    return [];
  }
  const zstd = await loadZstd();
  // node:zlib takes no shared memory.
  const owned = Buffer.from(pages);
  const groups = Math.floor(pages.length / GROUP_BYTES);
  const workerData = { pages, groups, groupBytes: GROUP_BYTES, level: LEVEL };
  const workers = [0, 1].map(
    (first) =>
      new Worker(new URL('./zstd-threads-worker.mjs', import.meta.url), {
        workerData: { ...workerData, first },
      }),
  );
  try {
    await Promise.all(workers.map(reply));
    const bytes = { ours: 0, node: 0 };
    const ours = async () => {
      const replies = workers.map(reply);
      for (const worker of workers) worker.postMessage('pack');
      bytes.ours = (await Promise.all(replies)).reduce((sum, count) => sum + count, 0);
    };
    const node = async () => {
      let next = 0;
      bytes.node = 0;
      const thread = async () => {
        while (next < groups) {
          const from = next++ * GROUP_BYTES;
          const frame = await zstd.compressAsync(owned.subarray(from, from + GROUP_BYTES), LEVEL);
          bytes.node += frame.length;
        }
      };
      await Promise.all([thread(), thread()]);
    };
    const contestants = [
      { name: 'two workers', bytes: pages.length, run: ours },
      { name: 'node:zlib', bytes: pages.length, run: node },
    ];
    const [us, them] = await race(contestants, { rounds });
    const ratio = them.medianMs / us.medianMs;
    const { text, ...result } = verdict(ratio, TARGET);
    print(
      `  zstd -${LEVEL}, groups of 1 MiB: two workers ${us.medianMs.toFixed(1)} ms, node:zlib on two threads ${them.medianMs.toFixed(1)} ms; ${text}; bytes ${(bytes.ours / bytes.node).toFixed(3)} ×`,
    );
    const row = {
      suite: 'threads',
      kernel: 'zstd -1 1 MiB',
      image,
      direction: 'encode',
      peer: 'node:zlib zstd -1, two threads',
      oursBytes: bytes.ours,
      peerBytes: bytes.node,
      oursGBps: us.perSecond / 1e9,
    };
    return [{ ...row, oursMs: us.medianMs, peerMs: them.medianMs, ratio, ...result }];
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** Resolve with the worker's next message. @throws the worker's error */
async function reply(worker) {
  const [message] = await once(worker, 'message');
  return message;
}
