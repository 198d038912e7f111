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
  /** Largest unpacked frame, in bytes; default 132 MiB. The reader takes up to twice that of memory. */
  readonly maxFrameBytes?: number;
  /** Most bytes of all carried images together; default 16 TiB, which is also an encoder's default limit. */
  readonly maxImageBytes?: number;
  /** Unpacked frames that are kept, in bytes; default 64 MiB. */
  readonly cacheBytes?: number;
  /** The zstd to use; default the best available one. `null`: none. */
  readonly zstd?: Zstd | null;
  /** Abort opening, which reads every base image. */
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
  /** Number of threads that decode, as of a decoder. */
  readonly threads?: number;
  /** Called at intervals with the bytes of the file decoded so far. */
  readonly onProgress?: (bytes: number, total: number) => void;
  /**
   * Called once with the bytes of all images. Returns how to open a sink for each image, so that pages that
   * later pages refer to are read from it, which is faster; or `undefined` if there is no space for them.
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
