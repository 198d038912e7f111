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
  readonly memory: WebAssembly.Memory;
  /** The kernels' memory as bytes. */
  readonly bytes: Uint8Array;
  /** The kernels' memory as 32-bit words. */
  readonly words: Uint32Array;
}

/** Compiled kernels for a memory of one thread, and for a memory that threads share. */
const compiled: Record<'own' | 'shared', Promise<WebAssembly.Module> | undefined> = {
  own: undefined,
  shared: undefined,
};

/** Return the compiled module, for a worker that instantiates it. */
export function kernelModule(kind: 'own' | 'shared' = 'own'): Promise<WebAssembly.Module> {
  compiled[kind] ??= compile(
    kind === 'own' ? fromBase64(KERNELS_BASE64) : importingSharedMemory(fromBase64(KERNELS_BASE64)),
  );
  return compiled[kind];
}

/**
 * Synchronous in Node: Node may exit while an asynchronous compilation is pending. A browser must not block.
 */
function compile(code: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  return typeof Buffer === 'function'
    ? Promise.resolve(new WebAssembly.Module(code))
    : WebAssembly.compile(code);
}

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
    // Not `instantiate` of the loader: it looks up `Response`, which takes Node tens of milliseconds to
    // create.
    const { instance } = instantiateSync(code, { env: { memory } });
    return {
      run: instance.exports as unknown as KernelExports,
      memory,
      bytes: new Uint8Array(memory.buffer),
      words: new Uint32Array(memory.buffer),
    };
  } catch (cause) {
    if (cause instanceof RangeError) throw outOfAddressSpace(memoryBytes, cause);
    throw cause;
  }
}

/** The import "env" "memory" without a maximum, and the same of a shared memory of at most 65536 pages. */
const OWN_IMPORT = [0x02, 0x0f, 0x01, 0x03, ...ascii('env'), 0x06, ...ascii('memory'), 0x02, 0x00, 0x01];
const SHARED_LIMITS = [0x03, 0x01, 0x80, 0x80, 0x04];

/**
 * Return the module with an import of shared memory: its code is the same, only the limits of the imported
 * memory say that it is shared, which requires a maximum.
 */
function importingSharedMemory(code: Uint8Array): Uint8Array<ArrayBuffer> {
  const at = code.findIndex((_, i) => OWN_IMPORT.every((byte, j) => code[i + j] === byte));
  if (at < 0) throw new Error('the kernels import their memory in an unknown form');
  const limits = at + OWN_IMPORT.length - 2;
  const shared = new Uint8Array(code.length + SHARED_LIMITS.length - 2);
  shared.set(code.subarray(0, limits));
  shared.set(SHARED_LIMITS, limits);
  shared.set(code.subarray(limits + 2), limits + SHARED_LIMITS.length);
  shared[at + 1]! += SHARED_LIMITS.length - 2;
  return shared;
}

function ascii(text: string): number[] {
  return Array.from(text, (letter) => letter.charCodeAt(0));
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
