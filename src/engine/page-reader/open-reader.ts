import { zstdSet } from '../../codec/zstd/load.js';
import { Arena } from '../../kernels/arena.js';
import { checkedSource } from '../../page/checked-source.js';
import { badArgument, PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { throwIfAborted } from '../../page/sync.js';
import { type DigestContext, type DigestedBase, digestBase } from '../decode/base-digest.js';
import { checkFrameBytes, checkImageBytes, checkInteger } from '../options.js';
import { FrameCache } from './frame-cache.js';
import { PageReader } from './page-reader.js';
import { declarePageReader, type PageReaderMemory } from './reader-memory.js';
import type { PageReaderOptions } from './reader-options.js';
import type { ReadableBytes } from './record-reader.js';
import { readStreamIndex, type StreamIndex, throwWithRemedy } from './stream-index.js';

const DEFAULT_CACHE_BYTES = 64 << 20;

/** Allocate a page reader's memory and open a packed file. @throws PageferryError as `openPages` does */
export async function openWithMemory(file: PageSource, options: PageReaderOptions): Promise<PageReader> {
  const arena = new Arena();
  const memory = declarePageReader(arena, zstdSet(options.zstd), options);
  await arena.allocate();
  return await openPagesIn(memory, file, options);
}

/** Creates a page reader or an object of a subclass. */
type CreateReader<T> = (...args: ConstructorParameters<typeof PageReader>) => T;

/** Open a packed file, given allocated memory. */
export async function openPagesIn(
  memory: PageReaderMemory,
  file: PageSource,
  options: PageReaderOptions,
): Promise<PageReader> {
  const { name, bytes, readAt } = checkedSource(file);
  if (!readAt || bytes === undefined)
    throw badArgument(`${name}: single pages can only be read from a source with readAt and a known size`);
  return await openReader(memory, { name, readAt }, bytes, options, (...args) => new PageReader(...args));
}

/** Read the index of a packed file of `fileBytes` bytes, digest the base images, and create the reader. */
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
  const index = await readStreamIndex(memory.collector, file, fileBytes, maxBytes).catch(throwWithRemedy);
  const imageBytes = index.ends.reduce(
    (sum, { bytes }, image) => sum + (index.images[image]!.record.kind === 'base' ? 0 : bytes),
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
  // Concurrent reads of a remote file keep frames while they wait for others, so memory cannot be reused.
  const isReused = file.load === undefined;
  return create(memory, index, bases, new FrameCache(cacheBytes, maxFrameBytes, isReused));
}

/** Return the given base images with their digests; none if the file refers to no base. */
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
