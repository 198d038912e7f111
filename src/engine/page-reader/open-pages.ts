import { zstdSet } from '../../codec/zstd/load.js';
import type { Zstd } from '../../codec/zstd.js';
import { Arena } from '../../kernels/arena.js';
import { checkedSource } from '../../page/checked-source.js';
import { PageferryError } from '../../page/error.js';
import { checkOptions, type OptionTypes } from '../../page/options.js';
import type { PageSource } from '../../page/source.js';
import { throwIfAborted } from '../../page/sync.js';
import { type DigestContext, type DigestedBase, digestBase } from '../decode/base-digest.js';
import { checkFrameBytes, checkImageBytes, checkInteger } from '../options.js';
import { FrameCache } from './frame-map.js';
import { PageReader } from './page-reader.js';
import { declarePageReader, type PageReaderMemory } from './reader-memory.js';
import type { ReadableBytes } from './record-reader.js';
import { readStreamIndex, type StreamIndex } from './stream-index.js';

const DEFAULT_CACHE_BYTES = 64 << 20;

/** Options of a page reader. Every field has a default. */
export interface PageReaderOptions {
  /**
   * Base images that the file may refer to, in any order; their digests identify them. Their sources need
   * `readAt`.
   */
  readonly bases?: readonly PageSource[];
  /** Largest unpacked frame, in bytes; default 132 MiB. The reader takes up to twice that of memory. */
  readonly maxFrameBytes?: number;
  /** Most bytes of all carried images together; default 1 TiB, which is also an encoder's default limit. */
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

/**
 * Open a packed file for reading single pages. Its source needs `readAt` and a known size, and has to stay
 * open. A missing base image is reported by the calls that need it, as `wrong-base`.
 * @throws PageferryError `bad-stream` when the file has no valid index, `limit` when a limit of the options
 *   is exceeded
 */
export async function openPages(file: PageSource, options: PageReaderOptions = {}): Promise<PageReader> {
  checkOptions('openPages', options, PAGE_READER_OPTION_TYPES);
  const zstd = zstdSet(options.zstd);
  const arena = new Arena();
  const memory = declarePageReader(arena, zstd, options);
  await arena.allocate();
  return await openPagesIn(memory, file, options);
}

/** Creates a page reader, or an object that extends it. */
type CreateReader<T> = (...args: ConstructorParameters<typeof PageReader>) => T;

/** @internal Open a packed file in memory that is allocated. */
export async function openPagesIn(
  memory: PageReaderMemory,
  file: PageSource,
  options: PageReaderOptions,
): Promise<PageReader> {
  const { name, bytes, readAt } = checkedSource(file);
  if (!readAt || bytes === undefined)
    throw new PageferryError(
      'bad-argument',
      `${name}: single pages can only be read from a source with readAt and a known size`,
    );
  return await openReader(memory, { name, readAt }, bytes, options, (...args) => new PageReader(...args));
}

/** @internal Read the index of a packed file of `fileBytes` bytes, and the base images. */
export async function openReader<T>(
  memory: PageReaderMemory,
  file: ReadableBytes,
  fileBytes: number,
  options: PageReaderOptions,
  create: CreateReader<T>,
): Promise<T> {
  const maxImageBytes = checkImageBytes(options.maxImageBytes);
  const cacheBytes = checkInteger(
    'cacheBytes',
    options.cacheBytes ?? DEFAULT_CACHE_BYTES,
    0,
    Number.MAX_SAFE_INTEGER,
  );
  throwIfAborted(options.signal);
  const maxBytes = checkFrameBytes(options.maxFrameBytes);
  const index = await readStreamIndex(memory.collector, file, fileBytes, maxBytes);
  const imageBytes = index.ends.reduce(
    (sum, { bytes }, image) => sum + (index.carried[image] === undefined ? 0 : bytes),
    0,
  );
  if (imageBytes > maxImageBytes)
    throw new PageferryError(
      'limit',
      `${file.name}: ${imageBytes} bytes of images, more than maxImageBytes (${maxImageBytes}); raise it`,
    );
  const { pageBytes, maxFrameBytes } = index.header;
  memory.frames.setMaxFrameBytes(maxFrameBytes);
  memory.digesting.digest.setPageBytes(pageBytes);
  const bases = await digestBases({ ...memory.digesting, pageBytes }, index, options);
  return create(memory, index, bases, new FrameCache(cacheBytes));
}

/** Return all base images with their digests; none if the file refers to none. */
async function digestBases(
  context: DigestContext,
  index: StreamIndex,
  { bases = [], signal }: PageReaderOptions,
): Promise<readonly DigestedBase[]> {
  const digested: DigestedBase[] = [];
  if (index.images.some(({ record }) => record.kind === 'base'))
    for (const base of bases)
      digested.push(await digestBase(context, base, signal === undefined ? {} : { signal }));
  return digested;
}
