// A worker of the threads suite, with kernels and memory of its own and a shared compiled module. It scans,
// hashes and packs the requested chunks and reports the CPU time.
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { Arena, createCodecContext, packedLz4Capacity, packLz4 } from '../../build/internal.mjs';

const { module, pages, out, results, chunkBytes, pageBytes } = workerData;

const chunkPages = chunkBytes / pageBytes;
const capacity = packedLz4Capacity(chunkBytes);
const arena = new Arena();
const context = createCodecContext(arena);
const chunk = arena.slot('chunk', chunkBytes);
const segment = arena.slot('segment', chunkBytes);
const packed = arena.slot('packed segment', capacity);
const classes = arena.slot('classes', 2 * chunkPages);
const digests = arena.slot('digests', 16 * chunkPages);
const kernels = await arena.allocate(module);

parentPort.on('message', ({ first, step, chunks }) => {
  const wall = performance.now();
  const cpu = cpuNow();
  for (let i = first; i < chunks; i += step) processChunk(i);
  parentPort.postMessage({ cpuMs: cpuNow() - cpu, wallMs: performance.now() - wall });
});
parentPort.postMessage('ready');

/**
 * Process chunk `i`: write its digests and its packed normal pages to its part of `out`, and their count and
 * size to `results`.
 */
function processChunk(i) {
  const { run, bytes } = kernels;
  bytes.set(pages.subarray(i * chunkBytes, (i + 1) * chunkBytes), chunk);
  bytes.fill(0, digests, digests + 16 * chunkPages);
  const normal = run.scanPages(chunk, chunkPages, pageBytes, classes);
  run.hash128Pages(chunk, chunkPages, pageBytes, classes, digests);
  const kinds = new Uint16Array(bytes.buffer, classes, chunkPages);
  let end = segment;
  for (let page = 0; page < chunkPages; page++) {
    if (kinds[page] !== 0) continue;
    bytes.copyWithin(end, chunk + page * pageBytes, chunk + (page + 1) * pageBytes);
    end += pageBytes;
  }
  const length = packLz4(context, segment, end - segment, packed);
  const position = i * (16 * chunkPages + capacity);
  out.set(bytes.subarray(digests, digests + 16 * chunkPages), position);
  out.set(bytes.subarray(packed, packed + length), position + 16 * chunkPages);
  results[2 * i] = normal;
  results[2 * i + 1] = length;
}

/** This thread's CPU time in ms. */
function cpuNow() {
  if (process.threadCpuUsage) {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  }
  // The kernel updates the figure when the thread yields.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6;
}
