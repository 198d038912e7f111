import { type CodecContext, createCodecContext } from '../../codec/codec.js';
import type { ZstdSet } from '../../codec/zstd/load.js';
import type { Slots } from '../../kernels/arena.js';
import { type DigestContext, declareDigestContext } from '../decode/base-digest.js';
import { ByteCollector } from '../decode/byte-collector.js';
import { MAX_PAGE_BYTES } from '../frame/chunk.js';
import { checkFrameBytes } from '../options.js';
import { declareFrameDecoder, type FrameDecoder, packedLimit } from '../unpack/frame-decoder.js';

/** Memory of a page reader, sized for the largest pages. */
export interface PageReaderMemory {
  readonly slots: Slots;
  readonly codec: CodecContext;
  readonly frames: FrameDecoder;
  readonly collector: ByteCollector;
  readonly digesting: DigestContext;
  /** Addresses of buffers: a frame's data, a page, a page's coded bytes, a page's digest. */
  readonly data: number;
  readonly page: number;
  readonly coded: number;
  readonly pageDigest: number;
}

/** Declare the memory of a page reader. @throws PageferryError `bad-argument` */
export function declarePageReader(
  slots: Slots,
  zstd: ZstdSet,
  options: { readonly maxFrameBytes?: number },
): PageReaderMemory {
  const maxFrameBytes = checkFrameBytes(options.maxFrameBytes);
  const codec = createCodecContext(slots, { maxZstdLevel: 0 });
  return {
    slots,
    codec,
    frames: declareFrameDecoder(slots, codec, zstd, maxFrameBytes),
    collector: new ByteCollector(slots),
    digesting: declareDigestContext(slots, MAX_PAGE_BYTES),
    data: slots.slot('frame data', packedLimit(maxFrameBytes), 'maxFrameBytes'),
    page: slots.slot('page', MAX_PAGE_BYTES),
    coded: slots.slot('coded page', 2 * MAX_PAGE_BYTES),
    pageDigest: slots.slot('page digest', 16),
  };
}
