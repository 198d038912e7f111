import { checkedFrame, type Zstd } from '../zstd.js';

interface NodeZstd {
  createZstdCompress(options: object): import('node:zlib').Gzip;
  zstdCompressSync(bytes: Uint8Array, options: object): Uint8Array;
  zstdDecompressSync(bytes: Uint8Array, options: object): Uint8Array;
  constants: { ZSTD_c_compressionLevel: number; ZSTD_e_end: number };
}

/** Node's own zstd (22.15 on), or undefined. */
export function nodeZstd(zlib: object): Zstd | undefined {
  const native = zlib as NodeZstd;
  const { zstdCompressSync, zstdDecompressSync, constants } = native;
  if (!zstdCompressSync || !zstdDecompressSync) return undefined;
  const streams = new FrameStreams(native);
  return {
    name: 'node:zlib',
    compress: (bytes, level) =>
      zstdCompressSync(bytes, {
        params: { [constants.ZSTD_c_compressionLevel]: level },
        chunkSize: mostFrameBytes(bytes.length),
      }),
    compressAsync: (bytes, level) => streams.compress(bytes, level),
    decompress: (frame, contentBytes) =>
      zstdDecompressSync(checkedFrame(frame, contentBytes), {
        maxOutputLength: Math.max(1, contentBytes),
        // A buffer that is filled to its end makes zlib get another one as large.
        chunkSize: contentBytes + 64,
      }),
  };
}

/** What a frame of `bytes` takes at worst (ZSTD_COMPRESSBOUND). With so much room zstd compresses straight from the caller's bytes. */
function mostFrameBytes(bytes: number): number {
  return bytes + (bytes >>> 8) + 1024;
}

/** Results of a stream share one stretch of memory this long, of which only what is written is ever touched. */
const SLAB_BYTES = 16 << 20;

/** Up to this level a context takes at most about 2 MiB. */
const MAX_KEPT_LEVEL = 3;

interface FrameStream {
  readonly level: number;
  readonly stream: import('node:zlib').Gzip;
  readonly chunks: Buffer[];
  /** What is left of its slab. */
  room: number;
}

/**
 * zlib's streams, used frame after frame: zlib's own way with a callback makes a context for every call, compresses by way of a
 * window of its own and copies the result once more, on this thread. Here a write is a whole frame, because the end is its flush,
 * and the stream itself is never asked to end.
 */
class FrameStreams {
  private readonly idle: FrameStream[] = [];

  constructor(private readonly zlib: NodeZstd) {}

  compress(bytes: Uint8Array, level: number): Promise<Uint8Array> {
    const frames = this.take(level, mostFrameBytes(bytes.length));
    const { stream, chunks } = frames;
    return new Promise((resolve, reject) => {
      stream.once('error', reject);
      stream.write(bytes, (error) => {
        if (error) return reject(error);
        stream.off('error', reject);
        const frame = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
        chunks.length = 0;
        frames.room -= frame.length;
        this.idle.push(frames);
        resolve(frame);
      });
    });
  }

  private take(level: number, roomBytes: number): FrameStream {
    const at = this.idle.findIndex((frames) => frames.level === level && frames.room >= roomBytes);
    if (at >= 0) return this.idle.splice(at, 1)[0]!;
    // Only small contexts wait for a level that may come again; the others take up to tens of MiB.
    const kept = (frames: FrameStream) => frames.level !== level && frames.level <= MAX_KEPT_LEVEL;
    for (const frames of this.idle.splice(0)) {
      if (kept(frames)) this.idle.push(frames);
      else frames.stream.destroy();
    }
    return this.start(level, Math.max(SLAB_BYTES, roomBytes));
  }

  private start(level: number, room: number): FrameStream {
    const { ZSTD_c_compressionLevel, ZSTD_e_end } = this.zlib.constants;
    const params = { [ZSTD_c_compressionLevel]: level };
    const stream = this.zlib.createZstdCompress({ params, chunkSize: room, flush: ZSTD_e_end });
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    return { level, stream, chunks, room };
  }
}
