// A worker of the threads bench: kernels and memory of its own, the module shared. It scans, fingerprints and
// packs the chunks that it is told to, and says what that took of the CPU.
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { bundled, loadKernels } from './load.mjs';

const { module, pages, out, results, chunkBytes, pageBytes } = workerData;
const { createCodecContext } = await bundled('src/codec/codec.ts');
const { packedLz4Capacity, packLz4 } = await bundled('src/codec/lz4.ts');

const chunkPages = chunkBytes / pageBytes;
const capacity = packedLz4Capacity(chunkBytes);
const kernels = await loadKernels(2 * chunkBytes + capacity + (1 << 20), module);
const context = createCodecContext(kernels);
const [chunk, segment, packed] = [chunkBytes, chunkBytes, capacity].map((bytes) =>
  kernels.reserve(bytes, 'threads bench'),
);
const classes = kernels.reserve(2 * chunkPages, 'classes');
const digests = kernels.reserve(16 * chunkPages, 'digests');

parentPort.on('message', ({ first, step, chunks }) => {
  const wall = performance.now();
  const cpu = cpuNow();
  for (let i = first; i < chunks; i += step) work(i);
  parentPort.postMessage({ cpuMs: cpuNow() - cpu, wallMs: performance.now() - wall });
});
parentPort.postMessage('ready');

/**
 * Its digests and its normal pages packed go to the chunk's place in `out`, their number and bytes to
 * `results`.
 */
function work(i) {
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
  const place = i * (16 * chunkPages + capacity);
  out.set(bytes.subarray(digests, digests + 16 * chunkPages), place);
  out.set(bytes.subarray(packed, packed + length), place + 16 * chunkPages);
  results[2 * i] = normal;
  results[2 * i + 1] = length;
}

/** This thread's CPU time in ms. */
function cpuNow() {
  if (process.threadCpuUsage) {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  }
  // The kernel brings the figure up to date whenever the thread gives way.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6;
}
