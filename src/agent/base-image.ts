import { ImageDigest } from '../dedup/image-digest.js';
import type { BasePages } from '../dedup/remote-page-cache.js';
import { digestBase } from '../engine/decode/base-digest.js';
import { CHUNK_BYTES } from '../engine/frame/chunk.js';
import { openFileSource } from '../image/raw.js';
import { loadKernels } from '../kernels/kernels.js';
import { PageferryError } from '../page/error.js';

const PAGE_BYTES = 4096;

/** An image that both agents hold, proved by its digest. */
export interface BaseImageFile extends BasePages {
  readonly name: string;
  readonly digest: Uint8Array;
  close(): void;
}

/** Opens a file of raw memory as a base, and digests it. @throws PageferryError */
export async function openBase(path: string): Promise<BaseImageFile> {
  const source = openFileSource(path);
  const kernels = await loadKernels(CHUNK_BYTES + (1 << 20));
  const room = {
    kernels,
    pageBytes: PAGE_BYTES,
    digest: new ImageDigest(kernels, PAGE_BYTES),
    chunk: kernels.reserve(CHUNK_BYTES, 'chunk'),
    digests: kernels.reserve((16 * CHUNK_BYTES) / PAGE_BYTES, 'digests'),
  };
  const { bytes, digest } = digestBase(room, source);
  const pages = Math.floor(bytes / PAGE_BYTES);
  if (pages === 0)
    throw new PageferryError('bad-argument', `--base ${path}: ${bytes} bytes, expected at least a page`);
  return {
    name: path,
    pages,
    digest,
    read(page, into) {
      source.readAt!(into, page * PAGE_BYTES);
    },
    close: () => source.close?.(),
  };
}
