// Opens a packed file for a PageReader: checks its index against the limits, finds its bases, reserves room for its frames.
import { createCodecContext } from '../../codec/codec.js';
import { loadZstd } from '../../codec/zstd/load.js';
import type { Zstd } from '../../codec/zstd.js';
import type { Kernels } from '../../kernels/kernels.js';
import { PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { FrameDecoder, packedLimit } from '../frame/frame-decoder.js';
import { checkFrameBytes, checkImageBytes, kernelsWithin } from '../options.js';
import { FrameCache } from './frame-map.js';
import { PageReader } from './page-reader.js';
import { readStreamIndex } from './stream-index.js';

const MIB = 1 << 20;

/** How to open a packed file for reading anywhere. */
export interface PageReaderOptions {
  readonly bases?: readonly PageSource[];
  /** Largest frame to make room for, in bytes; default 32 MiB. */
  readonly maxFrameBytes?: number;
  /** Most bytes that all images together may claim; default 1 TiB. */
  readonly maxImageBytes?: number;
  /** Unpacked frames that are kept at hand, in bytes; default 64 MiB. */
  readonly cacheBytes?: number;
  readonly zstd?: Zstd | null;
}

/**
 * Opens a packed file, which must be readable anywhere, for reading single pages.
 * A base image that is missing is only asked for by the pages that need it: their `read` throws `wrong-base`.
 * @throws PageferryError `bad-stream` when it has no sound index, `limit` when its frames are larger than this reader takes
 */
export async function openPages(file: PageSource, options: PageReaderOptions = {}): Promise<PageReader> {
  const zstd = options.zstd === null ? undefined : (options.zstd ?? (await loadZstd()));
  return pagesIn(await kernelsWithin(pageReaderBytes(options), 'maxFrameBytes'), zstd, file, options);
}

/** Kernel memory that a page reader needs. @throws PageferryError `bad-argument` */
export function pageReaderBytes(options: PageReaderOptions): number {
  return 2 * packedLimit(checkFrameBytes(options.maxFrameBytes)) + 8 * MIB;
}

/** Opens a packed file in kernels that are at hand: nothing is loaded, and nothing is expected of what their memory holds. */
export function pagesIn(
  kernels: Kernels,
  zstd: Zstd | undefined,
  file: PageSource,
  options: PageReaderOptions,
): PageReader {
  const { cacheBytes = 64 * MIB } = options;
  const maxImageBytes = checkImageBytes(options.maxImageBytes);
  const maxFrameBytes = checkFrameBytes(options.maxFrameBytes);
  const data = kernels.reserve(packedLimit(maxFrameBytes), 'frame data');
  const index = readStreamIndex(kernels, file, maxFrameBytes);
  const claimed = index.ends.reduce(
    (sum, { bytes }, image) => sum + (index.carried[image] === undefined ? 0 : bytes),
    0,
  );
  if (claimed > maxImageBytes)
    throw new PageferryError(
      'limit',
      `${file.name}: images of ${claimed} bytes, this reader takes ${maxImageBytes}`,
    );
  const frames = new FrameDecoder(createCodecContext(kernels), zstd, maxFrameBytes);
  frames.announced(index.header.maxFrameBytes);
  return new PageReader(
    kernels,
    frames,
    data,
    file,
    index,
    index.matchBases(kernels, options.bases ?? []),
    new FrameCache(cacheBytes),
  );
}
