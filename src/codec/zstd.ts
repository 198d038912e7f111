import { PageferryError } from '../page/error.js';
import type { PageCodec } from './codec.js';

/** Zstandard over a group of pages: packs a segment, never a page alone. Not our code: Node's own where it has it (22.15 on), else an optional package. */
export const zstd: PageCodec = { name: 'zstd', wireId: 11, operands: {}, base: 'none' };

/** A Zstandard implementation, as this package uses one. */
export interface Zstd {
  /** Which one: `node:zlib`, `@bokuweb/zstd-wasm`, or a name of yours. */
  readonly name: string;
  /** One whole zstd frame that declares its content size. */
  compress(bytes: Uint8Array, level: number): Uint8Array;
  /** The same off this thread, where the implementation can; `bytes` stand still until it is done. */
  compressAsync?(bytes: Uint8Array, level: number): Promise<Uint8Array>;
  /** Exactly `contentBytes` bytes. @throws any error when the frame is not sound */
  decompress(frame: Uint8Array, contentBytes: number): Uint8Array;
}

/** The optional package that stands in where Node has no zstd of its own. */
const ZSTD_PACKAGE = '@bokuweb/zstd-wasm';

/** Node's own modules, without an import that a bundler for browsers would trip over. */
export function nodeModule<T>(name: string): T | undefined {
  return globalThis.process?.getBuiltinModule?.(name) as T | undefined;
}

/**
 * The best zstd at hand, or undefined where there is none: then the engine works without it.
 * `packagePath`: where the optional package is, for a worker that cannot look for it.
 */
export async function loadZstd(packagePath?: string): Promise<Zstd | undefined> {
  const zlib = nodeModule<typeof import('node:zlib')>('node:zlib');
  return (zlib && nodeZstd(zlib)) ?? (await packageZstd(packagePath));
}

interface NodeZstd {
  createZstdCompress(options: object): import('node:zlib').Gzip;
  zstdCompressSync(bytes: Uint8Array, options: object): Uint8Array;
  zstdDecompressSync(bytes: Uint8Array, options: object): Uint8Array;
  constants: { ZSTD_c_compressionLevel: number };
}

function nodeZstd(zlib: object): Zstd | undefined {
  const { createZstdCompress, zstdCompressSync, zstdDecompressSync, constants } = zlib as NodeZstd;
  if (!zstdCompressSync || !zstdDecompressSync) return undefined;
  // Mostly one chunk holds the whole result; several are put together by another copy.
  const options = (bytes: Uint8Array, level: number) => ({
    params: { [constants.ZSTD_c_compressionLevel]: level },
    chunkSize: bytes.length - (bytes.length >>> 2) + 65536,
  });
  return {
    name: 'node:zlib',
    compress: (bytes, level) => zstdCompressSync(bytes, options(bytes, level)),
    compressAsync: (bytes, level) =>
      new Promise((resolve, reject) => {
        // zlib's own way with a callback copies the result once more, on this thread.
        const chunks: Buffer[] = [];
        createZstdCompress({ ...options(bytes, level), pledgedSrcSize: bytes.length })
          .on('data', (chunk: Buffer) => chunks.push(chunk))
          .on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)))
          .on('error', reject)
          .end(bytes);
      }),
    decompress: (frame, contentBytes) =>
      zstdDecompressSync(checkedFrame(frame, contentBytes), {
        maxOutputLength: Math.max(1, contentBytes),
        chunkSize: Math.max(64, contentBytes),
      }),
  };
}

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
function packageZstd(packagePath: string | undefined): Promise<Zstd | undefined> {
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

/**
 * Lets only a frame through that declares exactly this content size and no dictionary, so that no decoder allocates more than
 * was announced (RFC 8878, 3.1.1.1).
 */
function checkedFrame(frame: Uint8Array, contentBytes: number): Uint8Array {
  const declared = frameContentBytes(frame);
  if (declared !== contentBytes)
    throw new PageferryError(
      'bad-stream',
      `zstd frame: expected a content of ${contentBytes} bytes, it declares ${declared ?? 'none'}`,
    );
  return frame;
}

function frameContentBytes(frame: Uint8Array): number | undefined {
  if (frame.length < 6 || frame[0] !== 0x28 || frame[1] !== 0xb5 || frame[2] !== 0x2f || frame[3] !== 0xfd) return undefined;
  const descriptor = frame[4]!;
  const singleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x0b) !== 0) return undefined;
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 ? (singleSegment ? 1 : 0) : 1 << sizeFlag;
  const at = singleSegment ? 5 : 6;
  if (sizeBytes === 0 || at + sizeBytes > frame.length) return undefined;
  let size = 0;
  for (let i = sizeBytes - 1; i >= 0; i--) size = size * 256 + frame[at + i]!;
  return sizeBytes === 2 ? size + 256 : size;
}
