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

/** Inflate a raw deflate stream, or return undefined outside of Node. */
export function inflateNow(deflated: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  const zlib = nodeModule<typeof import('node:zlib')>('node:zlib');
  return zlib && new Uint8Array(zlib.inflateRawSync(deflated));
}

/**
 * Turn off V8's incremental marking, which V8 reads at every garbage collection although the process runs
 * already. For programs whose memory is nearly all outside of V8's heap: marking the small heap over and over
 * took a quarter of an agent's time.
 */
export function stopIncrementalMarking(): void {
  nodeModule<typeof import('node:v8')>('node:v8')?.setFlagsFromString('--no-incremental-marking');
}

/**
 * Options of a worker thread that leave standard output alone. Without them Node opens the stream of standard
 * output to pass on what a thread prints, and so makes a pipe there non-blocking: a packed stream was then
 * written in pieces of 64 KiB, each tried again and again. What such a thread prints is lost; its failures
 * are events.
 */
export const OWN_OUTPUT = { stdout: true, stderr: true } as const;

type ZstdConstant =
  | 'ZSTD_c_compressionLevel'
  | 'ZSTD_c_windowLog'
  | 'ZSTD_c_chainLog'
  | 'ZSTD_c_hashLog'
  | 'ZSTD_c_enableLongDistanceMatching'
  | 'ZSTD_e_end';

/** The parts of node:zlib that know zstd, from Node 22.15 on. */
export interface NodeZstd {
  createZstdCompress(options: object): import('node:zlib').Gzip;
  createZstdDecompress(): object;
  zstdCompressSync(bytes: Uint8Array, options: object): Uint8Array;
  zstdDecompressSync(bytes: Uint8Array, options: object): Uint8Array;
  readonly constants: Readonly<Record<ZstdConstant, number>>;
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

/** A thread of Node's pool compresses this much in one step, which cannot be interrupted. */
const PIECE_BYTES = 1 << 20;
const MAX_WINDOW_LOG = 27;
/** The tables of levels 20 to 22 grow with the window, to 640 MiB; larger ones than these save 0.1 %. */
const MAX_CHAIN_LOG = 26;
const MAX_HASH_LOG = 24;

/**
 * Compress `pieces` into one zstd frame that declares its content size, with a window of all the content, up
 * to 128 MiB: on a thread of Node's pool, piece by piece. Takes up to 460 MiB.
 * @throws the reason of `signal`
 */
export async function compressZstdPieces(
  zlib: NodeZstd,
  pieces: { readonly bytes: number; read(from: number, to: number): Uint8Array },
  level: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { constants } = zlib;
  const stream = zlib.createZstdCompress({
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      // zstd takes less where the content is smaller.
      [constants.ZSTD_c_windowLog]: MAX_WINDOW_LOG,
      [constants.ZSTD_c_chainLog]: MAX_CHAIN_LOG,
      [constants.ZSTD_c_hashLog]: MAX_HASH_LOG,
      [constants.ZSTD_c_enableLongDistanceMatching]: 1,
    },
    pledgedSrcSize: pieces.bytes,
  });
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  // An error between two steps also fails the next one.
  stream.on('error', () => {});
  try {
    for (let from = 0; from < pieces.bytes; from += PIECE_BYTES) {
      signal.throwIfAborted();
      const piece = pieces.read(from, Math.min(pieces.bytes, from + PIECE_BYTES));
      await settled(stream, (done) => stream.write(piece, done));
    }
    await settled(stream, (done) => {
      stream.once('end', done);
      stream.end();
    });
    return Buffer.concat(chunks);
  } finally {
    stream.destroy();
  }
}

/** Start a step of a stream and wait until it calls back, or the stream fails. */
function settled(
  stream: import('node:zlib').Gzip,
  start: (done: (error?: Error | null) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once('error', reject);
    start((error) => {
      stream.off('error', reject);
      if (error) reject(error);
      else resolve();
    });
  });
}
