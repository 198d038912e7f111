import type { Zstd } from '../../codec/zstd.js';
import type { OptionTypes } from '../../page/options.js';
import type { PageSink, PageSource } from '../../page/source.js';

/** Options of a page reader. Every field has a default. */
export interface PageReaderOptions {
  /**
   * Base images that the file may refer to, in any order; their digests identify them. Their sources need
   * `readAt`.
   */
  readonly bases?: readonly PageSource[];
  /**
   * Maximum size of an unpacked frame, in bytes; default 132 MiB. The reader takes up to twice that of
   * memory.
   */
  readonly maxFrameBytes?: number;
  /** Maximum bytes of all carried images together; default 16 TiB, as for an encoder. */
  readonly maxImageBytes?: number;
  /** Maximum bytes of unpacked frames in the cache; default 64 MiB. */
  readonly cacheBytes?: number;
  /** The zstd to use; default the best available one. `null`: none. */
  readonly zstd?: Zstd | null;
  /** Aborts opening, which reads all base images. */
  readonly signal?: AbortSignal;
}

/** @internal */
export const PAGE_READER_OPTION_TYPES: OptionTypes<PageReaderOptions> = {
  bases: 'any',
  maxFrameBytes: 'number',
  maxImageBytes: 'number',
  cacheBytes: 'number',
  zstd: 'any',
  signal: 'any',
};

/** Options of `verifyStream`. Every field has a default. */
export interface VerifyOptions extends PageReaderOptions {
  /** Number of threads that decode, as `DecoderOptions.threads`. */
  readonly threads?: number;
  /** Called for each MiB of the file with the bytes decoded so far and the file's size. */
  readonly onProgress?: (bytes: number, total: number) => void;
  /**
   * Called once with the bytes of all images. Returns a function that opens a sink for each image, which
   * stores the pages that later pages refer to: faster than decoding these again. Returns undefined if there
   * is no space.
   */
  readonly openScratch?: (imageBytes: number) => ((image: number) => PageSink) | undefined;
}

/** @internal */
export const VERIFY_OPTION_TYPES: OptionTypes<VerifyOptions> = {
  ...PAGE_READER_OPTION_TYPES,
  threads: 'number',
  onProgress: 'function',
  openScratch: 'function',
};
