import { inflateNow } from '../page/node-hooks.js';

/** A compiled module for a memory of one thread, and for a memory that threads share. */
export type ModuleKind = 'own' | 'shared';

/**
 * Return a function that compiles a module once for each kind. `deflated` returns the embedded
 * module: base64 of a raw deflate stream.
 */
export function moduleLoader(
  deflated: () => string | Promise<string>,
): (kind?: ModuleKind) => Promise<WebAssembly.Module> {
  const compiled: Partial<Record<ModuleKind, Promise<WebAssembly.Module>>> = {};
  return (kind = 'own') => {
    compiled[kind] ??= load(deflated, kind);
    return compiled[kind];
  };
}

/** Compile an embedded module at once, or return undefined outside of Node. */
export function compileNow(deflated: string): WebAssembly.Module | undefined {
  const code = inflateNow(fromBase64(deflated));
  return code && new WebAssembly.Module(code);
}

/** Instantiate a module in a memory and return its exports. */
export function instantiate<T>(module: WebAssembly.Module, memory: WebAssembly.Memory): T {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as T;
}

async function load(deflated: () => string | Promise<string>, kind: ModuleKind): Promise<WebAssembly.Module> {
  const bytes = fromBase64(await deflated());
  // Synchronous in Node, which may exit while an asynchronous compilation is pending. A browser must not
  // block.
  const inflated = inflateNow(bytes);
  const code = inflated ?? (await inflateInBrowser(bytes));
  const module = kind === 'own' ? code : importingSharedMemory(code);
  return inflated ? new WebAssembly.Module(module) : WebAssembly.compile(module);
}

async function inflateInBrowser(deflated: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const inflated = new Blob([deflated]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(inflated).arrayBuffer());
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

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  if (typeof Buffer === 'function') return new Uint8Array(Buffer.from(text, 'base64'));
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
