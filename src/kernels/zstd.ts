import { instantiate, moduleLoader } from './module.js';
import { ZSTD_WASM } from './zstd.generated.js';
import type { ZstdExports } from './zstd-exports.js';

const zstdModule = moduleLoader(() => ZSTD_WASM);

/**
 * Instantiate the zstd module in a memory: one of its own, or one that the other kernels use, also if threads
 * share it. `module`: the compiled module of the memory's kind, in a worker that was given it.
 */
export async function createZstdKernels(
  memory: WebAssembly.Memory,
  module?: WebAssembly.Module,
): Promise<ZstdExports> {
  const isShared = !(memory.buffer instanceof ArrayBuffer);
  return instantiate<ZstdExports>(module ?? (await zstdModule(isShared ? 'shared' : 'own')), memory);
}
