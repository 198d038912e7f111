import { instantiate } from '../src/kernels/module.js';
import { zstdModule } from '../src/kernels/zstd.js';
import type { ZstdExports } from '../src/kernels/zstd-exports.js';

/** Instantiate the zstd module in a memory: one of its own, or one that the other kernels use. */
export async function createZstdKernels(memory: WebAssembly.Memory): Promise<ZstdExports> {
  const isShared = !(memory.buffer instanceof ArrayBuffer);
  return instantiate<ZstdExports>(await zstdModule(isShared ? 'shared' : 'own'), memory);
}
