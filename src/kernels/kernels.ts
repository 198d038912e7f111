import { instantiateSync } from '@assemblyscript/loader';
import { PageferryError } from '../page/error.js';
import type { KernelExports } from './exports.js';
import { KERNELS_BASE64 } from './wasm.generated.js';

export type { KernelExports } from './exports.js';

const WASM_PAGE_BYTES = 65536;
/** WebAssembly's 32-bit address space. */
export const MAX_MEMORY_BYTES = 4 * 1024 ** 3;

/** The kernels with a memory of their own. The memory never grows, so views of it never detach. */
export interface Kernels {
  /** The module's exports, called without a wrapper. */
  readonly run: KernelExports;
  /** The kernels' memory as bytes. */
  readonly bytes: Uint8Array;
  /** The kernels' memory as 32-bit words. */
  readonly words: Uint32Array;
}

let compiled: Promise<WebAssembly.Module> | undefined;

/** Return the compiled module, for a worker that instantiates it with a memory of its own. */
export function kernelModule(): Promise<WebAssembly.Module> {
  // Synchronous in Node: Node may exit while an asynchronous compilation is pending. A browser must not block
  // its page.
  compiled ??=
    typeof Buffer === 'function'
      ? Promise.resolve(new WebAssembly.Module(fromBase64(KERNELS_BASE64)))
      : WebAssembly.compile(fromBase64(KERNELS_BASE64));
  return compiled;
}

/**
 * Instantiate the kernels with a memory of `memoryBytes` bytes, rounded up to 64 KiB. Pages that are never
 * written take no memory.
 * @throws PageferryError `limit` when the process has too little address space
 */
export async function createKernels(memoryBytes: number, module?: WebAssembly.Module): Promise<Kernels> {
  const pages = Math.ceil(memoryBytes / WASM_PAGE_BYTES);
  if (!(pages >= 1 && pages * WASM_PAGE_BYTES <= MAX_MEMORY_BYTES))
    throw new RangeError(`kernel memory: expected 1 … ${MAX_MEMORY_BYTES} bytes, got ${memoryBytes}`);
  const code = module ?? (await kernelModule());
  try {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    // Not `instantiate` of the loader: it looks up `Response`, which takes Node tens of milliseconds to
    // create.
    const { instance } = instantiateSync(code, { env: { memory } });
    return {
      run: instance.exports as unknown as KernelExports,
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

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  if (typeof Buffer === 'function') return new Uint8Array(Buffer.from(text, 'base64'));
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
