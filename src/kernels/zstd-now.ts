import { compileNow, instantiate } from './module.js';
import { ZSTD_WASM } from './zstd.generated.js';
import { zstdModule } from './zstd.js';
import type { ZstdExports } from './zstd-exports.js';

let ownModule: WebAssembly.Module | undefined;

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
