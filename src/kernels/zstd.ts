import { instantiate, moduleLoader } from './module.js';
import type { ZstdExports } from './zstd-exports.js';

/**
 * Return the compiled module, whose code is loaded at the first call: a browser does not wait for it before.
 */
export const zstdModule = moduleLoader(async () => (await import('./zstd.generated.js')).ZSTD_WASM);

/** Instantiate the module in a memory: one of its own, or one that the other kernels use. */
export async function createZstdKernels(memory: WebAssembly.Memory): Promise<ZstdExports> {
  const isShared = !(memory.buffer instanceof ArrayBuffer);
  return instantiate<ZstdExports>(await zstdModule(isShared ? 'shared' : 'own'), memory);
}
