import { createCodecContext } from '../../codec/codec.js';
import { loadZstd } from '../../codec/zstd/load.js';
import type { Zstd } from '../../codec/zstd.js';
import type { Kernels } from '../../kernels/kernels.js';
import type { PageSource } from '../../page/source.js';
import { CHUNK_BYTES } from '../frame/chunk.js';
import { FrameDecoder, packedLimit } from '../frame/frame-decoder.js';
import { checkFrameBytes, checkImageBytes, kernelsWithin } from '../options.js';
import type { OpenSink } from './decoded-images.js';
import { Decoder } from './decoder.js';
import type { PageObserver } from './image-decoder.js';

const MIB = 1 << 20;

/** How to decode. Every field has a default. */
export interface DecoderOptions {
  /** Images that this side holds and the stream may refer to; they are proved by digest. */
  readonly bases?: readonly PageSource[];
  /** Largest frame to make room for, in bytes; default 32 MiB. */
  readonly maxFrameBytes?: number;
  /** Most bytes that all images together may claim; default 1 TiB. */
  readonly maxImageBytes?: number;
  /** A zstd of your own; default the best at hand. `null`: none. */
  readonly zstd?: Zstd | null;
  /** Hears how pages travelled, as they are decoded. */
  readonly observe?: PageObserver;
}

/** Makes a decoder that puts images into the sinks that `openSink` makes. */
export async function createDecoder(openSink: OpenSink, options: DecoderOptions = {}): Promise<Decoder> {
  const zstd = options.zstd === null ? undefined : (options.zstd ?? (await loadZstd()));
  const kernels = await kernelsWithin(decoderBytes(options), 'maxFrameBytes');
  return decoderIn(kernels, zstd, openSink, options);
}

/** Kernel memory that a decoder needs. @throws PageferryError `bad-argument` */
export function decoderBytes(options: DecoderOptions): number {
  return 2 * packedLimit(checkFrameBytes(options.maxFrameBytes)) + CHUNK_BYTES + 3 * MIB;
}

/** Makes a decoder in kernels that are at hand: nothing is loaded, and nothing is expected of what their memory holds. */
export function decoderIn(
  kernels: Kernels,
  zstd: Zstd | undefined,
  openSink: OpenSink,
  options: DecoderOptions,
): Decoder {
  const maxImageBytes = checkImageBytes(options.maxImageBytes);
  const maxFrameBytes = checkFrameBytes(options.maxFrameBytes);
  const data = kernels.reserve(packedLimit(maxFrameBytes), 'frame data');
  const frames = new FrameDecoder(createCodecContext(kernels), zstd, maxFrameBytes);
  return new Decoder(
    kernels,
    frames,
    data,
    openSink,
    { maxFrameBytes, maxImageBytes },
    options.bases ?? [],
    options.observe,
  );
}
