import { instantiateSync } from '@assemblyscript/loader';
import type { KernelExports } from './exports.js';
import { KERNELS_BASE64 } from './wasm.generated.js';

const WASM_PAGE_BYTES = 65536;
/** WebAssembly's 32-bit address space. */
const ADDRESSABLE_BYTES = 4 * 1024 ** 3;

/** The kernels with a memory of their own. The memory never grows, so views of it never detach. */
export interface Kernels {
  /** The bare exports: no wrapper between caller and kernel. */
  readonly run: KernelExports;
  /** All of the kernels' memory. */
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly memoryBytes: number;
  /**
   * Takes `bytes` bytes of the memory, 64-byte aligned, with slack readable after them; they are never given back.
   * @throws RangeError when the memory has no room left
   */
  reserve(bytes: number, what: string): number;
}

let compiled: Promise<WebAssembly.Module> | undefined;

/** The compiled module, for a worker that instantiates it with a memory of its own. */
export function kernelModule(): Promise<WebAssembly.Module> {
  // Where there is a Buffer there is no page to hold up, and Node does not wait for a compilation in the background.
  compiled ??=
    typeof Buffer === 'function'
      ? Promise.resolve(new WebAssembly.Module(fromBase64(KERNELS_BASE64)))
      : WebAssembly.compile(fromBase64(KERNELS_BASE64));
  return compiled;
}

/**
 * Instantiates the kernels with a memory of exactly `memoryBytes` bytes (rounded up to 64 KiB; untouched pages cost nothing).
 * @throws RangeError when the memory cannot be had
 */
export async function loadKernels(memoryBytes: number, module?: WebAssembly.Module): Promise<Kernels> {
  const pages = Math.ceil(memoryBytes / WASM_PAGE_BYTES);
  if (!(pages >= 1 && pages * WASM_PAGE_BYTES <= ADDRESSABLE_BYTES))
    throw new RangeError(`kernel memory: expected 1 … ${ADDRESSABLE_BYTES} bytes, got ${memoryBytes}`);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  // The loader's asynchronous way asks for `Response`, which costs Node tens of milliseconds to have.
  const { instance } = instantiateSync(module ?? (await kernelModule()), { env: { memory } });
  const run = instance.exports as unknown as KernelExports;
  const bytes = new Uint8Array(memory.buffer);
  const slack = run.SLOT_SLACK.value;
  let next = align(run.heapBase());
  return {
    run,
    bytes,
    words: new Uint32Array(memory.buffer),
    memoryBytes: bytes.length,
    reserve(size, what) {
      const address = next;
      const end = align(address + size + slack);
      if (end > bytes.length)
        throw new RangeError(
          `${what}: needs ${size} bytes, kernel memory has ${bytes.length - address} left`,
        );
      next = end;
      return address;
    },
  };
}

function align(address: number): number {
  return Math.ceil(address / 64) * 64;
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  if (typeof Buffer === 'function') return new Uint8Array(Buffer.from(text, 'base64'));
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
