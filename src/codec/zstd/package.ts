import { outOfAddressSpace } from '../../kernels/kernels.js';
import { nodeModule } from '../../page/node-hooks.js';
import { checkedFrame, type Zstd } from '../zstd.js';

/** The optional package that is used where Node has no zstd of its own. */
const ZSTD_PACKAGE = '@bokuweb/zstd-wasm';
/** Memory that the package's module starts with. */
const PACKAGE_MEMORY_BYTES = 16 << 20;

interface ZstdPackage {
  init(): Promise<void>;
  compress(bytes: Uint8Array, level: number): Uint8Array;
  decompress(bytes: Uint8Array): Uint8Array;
}

/** Emscripten's module object; `instantiateWasm` replaces its own instantiation. */
interface EmscriptenModule {
  instantiateWasm?: (
    imports: WebAssembly.Imports,
    onInstance: (instance: WebAssembly.Instance) => void,
  ) => object;
}

/** Return the path where Node finds the optional package, or undefined. */
export function zstdPackagePath(): string | undefined {
  try {
    return nodeModule<typeof import('node:module')>('node:module')
      ?.createRequire(import.meta.url)
      .resolve(ZSTD_PACKAGE);
  } catch {
    return undefined;
  }
}

let fromPackage: Promise<Zstd | undefined> | undefined;

/**
 * Return the optional package's zstd, or undefined where it is not installed. Started once: a second `init`
 * would give the package a new memory while its functions still work in the old one.
 * @throws PageferryError `limit` when the process has too little address space
 */
export function packageZstd(packagePath: string | undefined): Promise<Zstd | undefined> {
  fromPackage ??= startPackage(packagePath);
  return fromPackage;
}

async function startPackage(packagePath: string | undefined): Promise<Zstd | undefined> {
  const found = await importPackage(packagePath);
  if (!found) return undefined;
  await initialize(found.package, found.path);
  const { compress, decompress } = found.package;
  return {
    name: ZSTD_PACKAGE,
    compress: (bytes, level) => compress(bytes, level),
    decompress: (frame, contentBytes) => decompress(checkedFrame(frame, contentBytes)),
  };
}

const INITIALIZED = Symbol.for('pageferry: initialized zstd packages');

/**
 * Initialize the package once per process, also for other copies of this module and other users of the
 * package: a second `init()` replaces the memory under functions that keep using the first one, which then
 * return garbage.
 */
async function initialize(zstd: ZstdPackage, path: string | undefined): Promise<void> {
  const shared = globalThis as { [INITIALIZED]?: WeakMap<ZstdPackage, Promise<void>> };
  shared[INITIALIZED] ??= new WeakMap();
  let initialized = shared[INITIALIZED].get(zstd);
  if (!initialized) {
    initialized = works(zstd) ? Promise.resolve() : start(zstd, path);
    shared[INITIALIZED].set(zstd, initialized);
  }
  await initialized;
}

function works(zstd: ZstdPackage): boolean {
  try {
    return zstd.compress(new Uint8Array(1), 1).length > 0;
  } catch {
    return false;
  }
}

/**
 * Call `init`. In Node the module is instantiated here: when instantiation fails, `init` prints a line and
 * never settles, and Node exits with code 13.
 */
function start(zstd: ZstdPackage, path: string | undefined): Promise<void> {
  const node = path === undefined ? undefined : nodeParts(path);
  if (!node) return zstd.init();
  return new Promise((resolve, reject) => {
    node.module.instantiateWasm = (imports, onInstance) => {
      try {
        onInstance(new WebAssembly.Instance(new WebAssembly.Module(node.wasm), imports));
      } catch (cause) {
        reject(cause instanceof RangeError ? outOfAddressSpace(PACKAGE_MEMORY_BYTES, cause) : cause);
      }
      return {};
    };
    zstd.init().then(resolve, reject);
  });
}

/**
 * Return the package's module object and its wasm, or undefined where this version of the package has other
 * files.
 */
function nodeParts(path: string): { module: EmscriptenModule; wasm: Uint8Array<ArrayBuffer> } | undefined {
  try {
    const fs = nodeModule<typeof import('node:fs')>('node:fs')!;
    const load = nodeModule<typeof import('node:module')>('node:module')!.createRequire(path);
    const { Module } = load('./module.js') as { Module: EmscriptenModule };
    return { module: Module, wasm: new Uint8Array(fs.readFileSync(load.resolve('./zstd.wasm'))) };
  } catch {
    return undefined;
  }
}

async function importPackage(
  packagePath: string | undefined,
): Promise<{ package: ZstdPackage; path?: string } | undefined> {
  try {
    const module = nodeModule<typeof import('node:module')>('node:module');
    if (!module) return { package: (await import('@bokuweb/zstd-wasm')) as unknown as ZstdPackage };
    const path = packagePath ?? zstdPackagePath();
    return path ? { package: module.createRequire(path)(path) as ZstdPackage, path } : undefined;
  } catch {
    return undefined;
  }
}
