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
