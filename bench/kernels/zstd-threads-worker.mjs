// A worker of the race of zstd on two threads: packs every other group, with kernels and memory of its own.
import { parentPort, workerData } from 'node:worker_threads';
import { createZstdKernels } from '../../build/internal.mjs';

const { pages, groups, groupBytes, level, first } = workerData;
const SCRATCH = 64;
const WASM_PAGE_BYTES = 65536;

const memory = new WebAssembly.Memory({ initial: 1 });
const zstd = await createZstdKernels(memory);
const group = align(SCRATCH + zstd.zstdEncodeScratchBytes(level, groupBytes));
const out = align(group + groupBytes);
memory.grow(Math.ceil((out + 2 * groupBytes) / WASM_PAGE_BYTES));
const bytes = new Uint8Array(memory.buffer);

parentPort.on('message', () => {
  let packed = 0;
  for (let i = first; i < groups; i += 2) {
    bytes.set(pages.subarray(i * groupBytes, (i + 1) * groupBytes), group);
    packed += zstd.zstdEncode(group, groupBytes, out, 2 * groupBytes, level, 0, SCRATCH);
  }
  parentPort.postMessage(packed);
});
parentPort.postMessage('ready');

function align(address) {
  return Math.ceil((address + 64) / 64) * 64;
}
