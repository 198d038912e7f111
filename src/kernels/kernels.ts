import { PageferryError } from '../page/error.js';
import type { KernelExports } from './exports.js';
import { instantiate, moduleLoader } from './module.js';
import { KERNELS_WASM } from './wasm.generated.js';

export type { KernelExports } from './exports.js';

const WASM_PAGE_BYTES = 65536;
/** WebAssembly's 32-bit address space. */
export const MAX_MEMORY_BYTES = 4 * 1024 ** 3;

/** The kernels with a memory of their own. The memory never grows, so views of it never detach. */
export interface Kernels {
  /** The module's exports, called without a wrapper. */
  readonly run: KernelExports;
  readonly memory: WebAssembly.Memory;
  /** The kernels' memory as bytes. */
  readonly bytes: Uint8Array;
  /** The kernels' memory as 32-bit words. */
  readonly words: Uint32Array;
}

/** Return the compiled module, for a worker that instantiates it. */
export const kernelModule = moduleLoader(() => KERNELS_WASM);

/** How to create kernels. */
export interface KernelOptions {
  /** The compiled module, in a worker that was given it. */
  readonly module?: WebAssembly.Module | undefined;
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
  const code = options.module ?? (await kernelModule(isShared ? 'shared' : 'own'));
  try {
    const memory =
      options.memory ?? new WebAssembly.Memory({ initial: pages, maximum: pages, shared: isShared });
    return {
      run: instantiate<KernelExports>(code, memory),
      memory,
      bytes: new Uint8Array(memory.buffer),
      words: new Uint32Array(memory.buffer),
    };
  } catch (cause) {
    if (cause instanceof RangeError) throw outOfAddressSpace(memoryBytes, cause);
    throw cause;
  }
}

/** Return the error for a WebAssembly memory of `memoryBytes` bytes that the process cannot create. */
export function outOfAddressSpace(memoryBytes: number, cause: Error): PageferryError {
  return new PageferryError(
    'limit',
    `too little address space for a WebAssembly memory of ${memoryBytes} bytes (${cause.message}); ` +
      'Node reserves about 10 GB of addresses for each: raise the limit (ulimit -v) or run node --disable-wasm-trap-handler',
    { cause },
  );
}
