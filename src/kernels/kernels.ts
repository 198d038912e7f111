import { outOfAddressSpace } from './address-space.js';
import type { KernelExports } from './exports.js';
import { instantiate, type ModuleKind, moduleLoader } from './module.js';
import { KERNELS_WASM } from './wasm.generated.js';
import { zstdModule } from './zstd.js';
import type { ZstdExports } from './zstd-exports.js';

export type { KernelExports } from './exports.js';

const WASM_PAGE_BYTES = 65536;
/** WebAssembly's 32-bit address space. */
export const MAX_MEMORY_BYTES = 4 * 1024 ** 3;

/** The kernels with a memory of their own. The memory never grows, so views of it never detach. */
export interface Kernels {
  /** The module's exports, called without a wrapper. */
  readonly run: KernelExports;
  /** The exports of the zstd module, in the same memory. */
  readonly zstd: ZstdExports;
  readonly memory: WebAssembly.Memory;
  /** The kernels' memory as bytes. */
  readonly bytes: Uint8Array;
  /** The kernels' memory as 32-bit words. */
  readonly words: Uint32Array;
}

/** Return the compiled module. */
export const kernelModule = moduleLoader(() => KERNELS_WASM);

/** Both modules, compiled. */
export interface KernelModules {
  readonly kernels: WebAssembly.Module;
  readonly zstd: WebAssembly.Module;
}

/** Return the compiled modules, for a worker that instantiates them. */
export async function kernelModules(kind: ModuleKind): Promise<KernelModules> {
  return { kernels: await kernelModule(kind), zstd: await zstdModule(kind) };
}

/** Options of kernels. */
export interface KernelOptions {
  /** The compiled modules, in a worker that was given them. */
  readonly modules?: KernelModules | undefined;
  /** A memory that other threads use too; default: a new one. */
  readonly memory?: WebAssembly.Memory | undefined;
  /** Whether a new memory can be shared by threads. */
  readonly isShared?: boolean | undefined;
}

/**
 * Instantiate the kernels with a memory of `memoryBytes` bytes, rounded up to 64 KiB. Pages that are never
 * written take no memory.
 * @throws PageferryError `limit` when the process has too little address space
 */
export async function createKernels(memoryBytes: number, options: KernelOptions = {}): Promise<Kernels> {
  const pages = Math.ceil(memoryBytes / WASM_PAGE_BYTES);
  if (!(pages >= 1 && pages * WASM_PAGE_BYTES <= MAX_MEMORY_BYTES))
    throw new RangeError(`kernel memory: expected 1 … ${MAX_MEMORY_BYTES} bytes, got ${memoryBytes}`);
  const { isShared = false } = options;
  const { kernels, zstd } = options.modules ?? (await kernelModules(isShared ? 'shared' : 'own'));
  try {
    const memory =
      options.memory ?? new WebAssembly.Memory({ initial: pages, maximum: pages, shared: isShared });
    return {
      run: instantiate<KernelExports>(kernels, memory),
      zstd: instantiate<ZstdExports>(zstd, memory),
      memory,
      bytes: new Uint8Array(memory.buffer),
      words: new Uint32Array(memory.buffer),
    };
  } catch (cause) {
    if (cause instanceof RangeError) throw outOfAddressSpace(memoryBytes, cause);
    throw cause;
  }
}
