import { ImageDigest } from '../dedup/image-digest.js';
import type { BasePages } from '../dedup/remote-page-cache.js';
import { CHUNK_BYTES } from '../engine/frame/chunk.js';
import { openFileSource } from '../image/raw.js';
import { loadKernels } from '../kernels/kernels.js';
import { PageferryError } from '../page/error.js';
import type { PageSource } from '../page/source.js';
import { createYielder, throwIfAborted } from '../page/sync.js';

const PAGE_BYTES = 4096;

/** A file of raw memory that both agents have; they compare its digest. */
export interface BaseImageFile extends BasePages {
  readonly name: string;
  readonly digest: Uint8Array;
  close(): void;
}

/** Open a file of raw memory as a base image, and compute its digest. @throws PageferryError; the abort reason */
export async function openBase(path: string, signal?: AbortSignal): Promise<BaseImageFile> {
  const source = openFileSource(path);
  try {
    const { bytes, digest } = await digestOf(source, signal);
    const pages = Math.floor(bytes / PAGE_BYTES);
    if (pages === 0)
      throw new PageferryError('bad-argument', `--base ${path}: ${bytes} bytes, expected at least one page`);
    return {
      name: path,
      pages,
      digest,
      read(page, into) {
        source.readAt!(into, page * PAGE_BYTES);
      },
      close: () => source.close?.(),
    };
  } catch (cause) {
    source.close?.();
    throw cause;
  }
}

/** The image digest of a file; timers and signals are processed meanwhile. */
async function digestOf(source: PageSource, signal: AbortSignal | undefined) {
  const kernels = await loadKernels(CHUNK_BYTES + (1 << 20));
  const digest = new ImageDigest(kernels, PAGE_BYTES);
  const chunk = kernels.reserve(CHUNK_BYTES, 'chunk');
  const digests = kernels.reserve((16 * CHUNK_BYTES) / PAGE_BYTES, 'digests');
  const buffer = kernels.bytes.subarray(chunk, chunk + CHUNK_BYTES);
  const yieldToEvents = createYielder();
  digest.start();
  let bytes = 0;
  for (;;) {
    throwIfAborted(signal);
    const got = source.readAt!(buffer, bytes);
    let pages = 0;
    for (let from = 0; from < got; from += PAGE_BYTES)
      kernels.run.hash128(chunk + from, Math.min(PAGE_BYTES, got - from), 0, 0, digests + 16 * pages++);
    digest.add(digests, pages);
    bytes += got;
    if (got < CHUNK_BYTES) return { bytes, digest: digest.finish(bytes) };
    const yielded = yieldToEvents();
    if (yielded) await yielded;
  }
}
