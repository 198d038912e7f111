// Everything that depends on behaviour of Node or V8 that their documentation does not promise, in one file:
// each hook has a test in test/page/node-hooks.test.ts that fails when a new version changes it. Nothing here
// is imported from Node, so that this file can be bundled for browsers, where a hook does nothing.

/**
 * Return one of Node's modules without an import, or undefined outside of Node: a bundler for browsers sees
 * no import to resolve.
 */
export function nodeModule<T>(name: string): T | undefined {
  return globalThis.process?.getBuiltinModule?.(name) as T | undefined;
}

/**
 * Turn off V8's incremental marking, which V8 reads at every garbage collection although the process runs
 * already. For programs whose memory is nearly all outside of V8's heap: marking the small heap over and over
 * took a quarter of an agent's time.
 */
export function stopIncrementalMarking(): void {
  nodeModule<typeof import('node:v8')>('node:v8')?.setFlagsFromString('--no-incremental-marking');
}

/** The parts of node:zlib that know zstd, from Node 22.15 on. */
export interface NodeZstd {
  createZstdCompress(options: object): import('node:zlib').Gzip;
  createZstdDecompress(): object;
  zstdCompressSync(bytes: Uint8Array, options: object): Uint8Array;
  zstdDecompressSync(bytes: Uint8Array, options: object): Uint8Array;
  readonly constants: { readonly ZSTD_c_compressionLevel: number; readonly ZSTD_e_end: number };
}

/** A zstd context of Node's thread pool that compresses frame after frame. */
export interface ZstdFrameStream {
  readonly level: number;
  /** Bytes left of the stream's slab; a frame that may need more makes Node allocate another slab. */
  capacity: number;
  /** Compress `bytes`, which must not change meanwhile, into one frame; one call at a time. */
  compress(bytes: Uint8Array): Promise<Uint8Array>;
  destroy(): void;
}

/**
 * Create a stream whose every write is one whole frame, because `ZSTD_e_end` is its flush and the stream
 * itself never ends. zlib's own function with a callback creates a context for every call, compresses through
 * a window of its own and copies the result again on this thread. Frames share a slab of `slabBytes`
 * bytes, of which only what is written takes memory.
 */
export function createZstdFrameStream(zlib: NodeZstd, level: number, slabBytes: number): ZstdFrameStream {
  const { ZSTD_c_compressionLevel, ZSTD_e_end } = zlib.constants;
  const stream = zlib.createZstdCompress({
    params: { [ZSTD_c_compressionLevel]: level },
    chunkSize: slabBytes,
    flush: ZSTD_e_end,
  });
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return {
    level,
    capacity: slabBytes,
    compress(bytes) {
      return new Promise((resolve, reject) => {
        stream.once('error', reject);
        stream.write(bytes, (error) => {
          if (error) return reject(error);
          stream.off('error', reject);
          const frame = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
          chunks.length = 0;
          this.capacity -= frame.length;
          resolve(frame);
        });
      });
    },
    destroy: () => stream.destroy(),
  };
}

/** Decompress one whole frame to the start of `into`; return its bytes. @throws an error of zlib */
export type ZstdFrameReader = (frame: Uint8Array, into: Uint8Array) => number;

/** What zlib's streams have inside. */
interface ZstdStream {
  readonly _handle?: {
    onerror: (message: string) => void;
    writeSync(
      flush: number,
      input: Uint8Array,
      inputOffset: number,
      inputBytes: number,
      output: Uint8Array,
      outputOffset: number,
      outputBytes: number,
    ): void;
    reset(): void;
    close(): void;
  };
  /** After a write: bytes of the output and of the input that are left. */
  readonly _writeState?: Uint32Array;
}

/**
 * Create a function that decompresses frame after frame in one context, to where their bytes belong, or
 * return undefined where zlib's streams have other insides. zlib's own function creates a context and
 * allocates the output for every call: with frames of 256 KiB, two thirds of the time of unpacking.
 */
export function createZstdFrameReader(zlib: NodeZstd): ZstdFrameReader | undefined {
  let context = openZstdContext(zlib);
  if (!context) return undefined;
  return (frame, into) => {
    context ??= openZstdContext(zlib)!;
    const { handle, state } = context;
    let failure: string | undefined;
    handle.onerror = (message) => {
      failure = message;
    };
    handle.writeSync(zlib.constants.ZSTD_e_end, frame, 0, frame.length, into, 0, into.length);
    const [outputLeft, inputLeft] = state;
    if (failure === undefined && inputLeft === 0 && outputLeft === 0) handle.reset();
    else {
      handle.close();
      context = undefined; // it keeps its first error, or a part of this frame
    }
    if (failure !== undefined) throw new Error(failure);
    if (inputLeft !== 0) throw new Error(`${inputLeft} bytes too many`);
    return into.length - outputLeft!;
  };
}

function openZstdContext(zlib: NodeZstd) {
  const { _handle: handle, _writeState: state } = zlib.createZstdDecompress() as ZstdStream;
  if (typeof handle?.writeSync !== 'function' || typeof handle.reset !== 'function') return undefined;
  return state instanceof Uint32Array ? { handle, state } : undefined;
}
