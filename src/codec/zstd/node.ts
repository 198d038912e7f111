import {
  compressZstdPieces,
  createZstdFrameReader,
  createZstdFrameStream,
  type NodeZstd,
  type ZstdFrameReader,
  type ZstdFrameStream,
} from '../../page/node-hooks.js';
import { checkedFrame, type Zstd } from '../zstd.js';

/** Frames of a stream share a slab of this size. */
const SLAB_BYTES = 16 << 20;

/** Up to this level a context takes at most about 2 MiB. */
const MAX_KEPT_LEVEL = 3;

/** Return Node's own zstd (22.15 on), or undefined. */
export function nodeZstd(zlib: object): Zstd | undefined {
  const native = zlib as NodeZstd;
  const { zstdCompressSync, zstdDecompressSync, constants } = native;
  if (!zstdCompressSync || !zstdDecompressSync) return undefined;
  const streams = new FrameStreams(native);
  let read: ZstdFrameReader | undefined;
  const decompress = (frame: Uint8Array, contentBytes: number) =>
    zstdDecompressSync(checkedFrame(frame, contentBytes), {
      maxOutputLength: Math.max(1, contentBytes),
      // zlib allocates a second buffer of the same size when the first is filled to its end.
      chunkSize: contentBytes + 64,
    });
  return {
    name: 'node:zlib',
    compress: (bytes, level) =>
      zstdCompressSync(bytes, {
        params: { [constants.ZSTD_c_compressionLevel]: level },
        chunkSize: maxFrameBytes(bytes.length),
      }),
    compressAsync: (bytes, level) => streams.compress(bytes, level),
    compressPieces: (pieces, level, signal) => compressZstdPieces(native, pieces, level, signal),
    decompress,
    decompressInto(frame, into) {
      read ??= createZstdFrameReader(native) ?? ((bytes, to) => copied(decompress(bytes, to.length), to));
      return read(checkedFrame(frame, into.length), into);
    },
  };
}

function copied(content: Uint8Array, into: Uint8Array): number {
  into.set(content);
  return content.length;
}

/**
 * The largest frame of `bytes` bytes (ZSTD_COMPRESSBOUND). With that capacity zstd compresses straight from
 * the caller's bytes.
 */
function maxFrameBytes(bytes: number): number {
  return bytes + (bytes >>> 8) + 1024;
}

/** The idle streams, by level. */
class FrameStreams {
  private readonly idle: ZstdFrameStream[] = [];

  constructor(private readonly zlib: NodeZstd) {}

  async compress(bytes: Uint8Array, level: number): Promise<Uint8Array> {
    const stream = this.take(level, maxFrameBytes(bytes.length));
    // A stream that failed is not used again.
    const frame = await stream.compress(bytes);
    this.idle.push(stream);
    return frame;
  }

  private take(level: number, frameBytes: number): ZstdFrameStream {
    const at = this.idle.findIndex((stream) => stream.level === level && stream.capacity >= frameBytes);
    if (at >= 0) return this.idle.splice(at, 1)[0]!;
    // Only small contexts are kept for a level that may come again; the others take up to tens of MiB.
    const isKept = (stream: ZstdFrameStream) => stream.level !== level && stream.level <= MAX_KEPT_LEVEL;
    for (const stream of this.idle.splice(0)) {
      if (isKept(stream)) this.idle.push(stream);
      else stream.destroy();
    }
    return createZstdFrameStream(this.zlib, level, Math.max(SLAB_BYTES, frameBytes));
  }
}
