import { PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { CHUNK_BYTES } from '../frame/chunk.js';
import type { DecodeContext } from './image-decoder.js';

/** What digesting needs of a decode context. */
export type DigestContext = Pick<DecodeContext, 'kernels' | 'pageBytes' | 'digest' | 'chunk' | 'digests'>;

/** An image that this side holds. */
export interface DigestedBase {
  readonly source: PageSource;
  readonly bytes: number;
  readonly digest: Uint8Array;
}

/**
 * Reads an image through and makes its digest. No image may be open.
 * @throws PageferryError `bad-argument` when the source cannot be read anywhere
 */
export function digestBase(context: DigestContext, source: PageSource): DigestedBase {
  const { kernels, pageBytes, chunk, digests, digest } = context;
  if (!source.readAt)
    throw new PageferryError('bad-argument', `${source.name}: a base image must be readable anywhere`);
  digest.start();
  let bytes = 0;
  for (;;) {
    const got = source.readAt(kernels.bytes.subarray(chunk, chunk + CHUNK_BYTES), bytes);
    let pages = 0;
    for (let from = 0; from < got; from += pageBytes) {
      const pageEnd = Math.min(pageBytes, got - from);
      kernels.run.hash128(chunk + from, pageEnd, 0, 0, digests + 16 * pages++);
    }
    digest.add(digests, pages);
    bytes += got;
    if (got < CHUNK_BYTES) return { source, bytes, digest: digest.finish(bytes) };
  }
}
