import { nodeModule } from '../../page/node-module.js';
import { checkedFrame, type Zstd } from '../zstd.js';

/** The optional package that stands in where Node has no zstd of its own. */
const ZSTD_PACKAGE = '@bokuweb/zstd-wasm';

interface ZstdPackage {
  init(): Promise<void>;
  compress(bytes: Uint8Array, level: number): Uint8Array;
  decompress(bytes: Uint8Array): Uint8Array;
}

/** Where Node finds the optional package, or undefined. */
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

/** Started once: a second `init` would give the package a new memory while its functions still work in the old one. */
export function packageZstd(packagePath: string | undefined): Promise<Zstd | undefined> {
  fromPackage ??= startPackage(packagePath);
  return fromPackage;
}

async function startPackage(packagePath: string | undefined): Promise<Zstd | undefined> {
  const found = await importPackage(packagePath);
  if (!found) return undefined;
  await ready(found);
  return {
    name: ZSTD_PACKAGE,
    compress: (bytes, level) => found.compress(bytes, level),
    decompress: (frame, contentBytes) => found.decompress(checkedFrame(frame, contentBytes)),
  };
}

const READY = Symbol.for('pageferry: zstd packages that are ready');

/**
 * Initializes the package once a process, whoever asks for it, other copies of this module and other users of the package among
 * them: a second `init()` puts another memory under functions that stay the first one's, and what they then give is garbage.
 */
async function ready(found: ZstdPackage): Promise<void> {
  const shared = globalThis as { [READY]?: WeakMap<ZstdPackage, Promise<void>> };
  shared[READY] ??= new WeakMap();
  let initialized = shared[READY].get(found);
  if (!initialized) {
    initialized = works(found) ? Promise.resolve() : found.init();
    shared[READY].set(found, initialized);
  }
  await initialized;
}

function works(found: ZstdPackage): boolean {
  try {
    return found.compress(new Uint8Array(1), 1).length > 0;
  } catch {
    return false;
  }
}

async function importPackage(packagePath: string | undefined): Promise<ZstdPackage | undefined> {
  try {
    const module = nodeModule<typeof import('node:module')>('node:module');
    const path = packagePath ?? zstdPackagePath();
    if (module) return path ? (module.createRequire(path)(path) as ZstdPackage) : undefined;
    return (await import('@bokuweb/zstd-wasm')) as unknown as ZstdPackage;
  } catch {
    return undefined;
  }
}
