import { digestText, ImageDigest } from '../../dedup/image-digest.js';
import type { Slots } from '../../kernels/arena.js';
import type { Kernels } from '../../kernels/kernels.js';
import { checkedSource } from '../../page/checked-source.js';
import { badArgument, PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { createYielder, throwIfAborted } from '../../page/sync.js';
import type { ImageRecord } from '../../stream/format.js';
import { CHUNK_BYTES, MIN_PAGE_BYTES } from '../frame/chunk.js';

/** Context of digesting an image. */
export interface DigestContext {
  readonly kernels: Kernels;
  readonly pageBytes: number;
  readonly digest: ImageDigest;
  /** Slots for a chunk of pages and for their digests. */
  readonly chunk: number;
  readonly digests: number;
}

/** A base image that this host has, with its digest. */
export interface DigestedBase {
  readonly source: PageSource;
  readonly bytes: number;
  readonly digest: Uint8Array;
}

/** Declare the memory of a digest context for pages of at most `pageBytes` bytes. */
export function declareDigestContext(slots: Slots, pageBytes: number): DigestContext {
  return {
    kernels: slots.kernels,
    pageBytes,
    digest: new ImageDigest(slots, pageBytes),
    chunk: slots.slot('chunk', CHUNK_BYTES),
    digests: slots.slot('page digests', 16 * (CHUNK_BYTES / MIN_PAGE_BYTES)),
  };
}

/**
 * Read a whole image and compute its digest; yields to the event loop every few ms. No other image may be
 * digested in this context meanwhile.
 * @throws PageferryError `bad-argument` if the source has no `readAt`; the source's error; the reason of
 *   `signal`
 */
export async function digestBase(
  context: DigestContext,
  base: PageSource,
  options: { readonly signal?: AbortSignal; readonly onProgress?: (bytes: number) => void } = {},
): Promise<DigestedBase> {
  const { kernels, pageBytes, chunk, digests, digest } = context;
  const { signal, onProgress } = options;
  const source = checkedSource(base);
  if (!source.readAt)
    throw badArgument(
      `${source.name}: a base image is read at any position: give a file, or a source with readAt`,
    );
  const yieldIfDue = createYielder();
  digest.start();
  for (let bytes = 0; ; ) {
    throwIfAborted(signal);
    const count = source.readAt(kernels.bytes.subarray(chunk, chunk + CHUNK_BYTES), bytes);
    let pages = 0;
    for (let from = 0; from < count; from += pageBytes) {
      const length = Math.min(pageBytes, count - from);
      kernels.run.hash128(chunk + from, length, 0, 0, digests + 16 * pages++);
    }
    digest.add(digests, pages);
    bytes += count;
    onProgress?.(bytes);
    if (count < CHUNK_BYTES) return { source, bytes, digest: digest.finish(bytes) };
    await yieldIfDue();
  }
}

/** Return the base image with the digest and size that a record names, or undefined. */
export function findBase(
  bases: readonly DigestedBase[],
  { digest, bytes }: ImageRecord,
): DigestedBase | undefined {
  const wanted = digestText(digest!);
  return bases.find((base) => base.bytes === bytes && digestText(base.digest) === wanted);
}

/** Return the error for a base image that is not among `given`. */
export function missingBase({ name, digest }: ImageRecord, given: readonly DigestedBase[]): PageferryError {
  const names = given.map((base) => `${base.source.name} (${digestText(base.digest)})`).join(', ') || 'none';
  return new PageferryError(
    'wrong-base',
    `needs the base image "${name}" with digest ${digestText(digest!)}; given: ${names}`,
  );
}
