import { compileNow, instantiate, moduleLoader } from './module.js';
import { ZSTD_WASM } from './zstd.generated.js';
import type { ZstdExports } from './zstd-exports.js';

/** Return the compiled module. */
export const zstdModule = moduleLoader(() => ZSTD_WASM);
let ownModule: WebAssembly.Module | undefined;

/** Instantiate the module in a memory: one of its own, or one that the other kernels use. */
export async function createZstdKernels(memory: WebAssembly.Memory): Promise<ZstdExports> {
  const isShared = !(memory.buffer instanceof ArrayBuffer);
  return instantiate<ZstdExports>(await zstdModule(isShared ? 'shared' : 'own'), memory);
}

/** Compile the module, for `createZstdKernelsNow` outside of Node. */
export async function loadZstdKernels(): Promise<void> {
  ownModule ??= await zstdModule();
}

/**
 * Instantiate the zstd module in a memory of one thread, or return undefined where `loadZstdKernels` has to
 * come first: outside of Node.
 */
export function createZstdKernelsNow(memory: WebAssembly.Memory): ZstdExports | undefined {
  ownModule ??= compileNow(ZSTD_WASM);
  return ownModule && instantiate<ZstdExports>(ownModule, memory);
}
