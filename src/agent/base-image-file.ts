import type { BasePages } from '../dedup/remote-page-cache.js';
import { declareDigestContext, digestBase } from '../engine/decode/base-digest.js';
import { openFileSource } from '../image/raw.js';
import { Arena } from '../kernels/arena.js';
import { PageferryError } from '../page/error.js';
import type { PageSource } from '../page/source.js';

const PAGE_BYTES = 4096;

/** A file of raw memory that both agents have; they compare its digest. */
export interface BaseImageFile extends BasePages {
  readonly name: string;
  readonly digest: Uint8Array;
  close(): void;
}

/**
 * Open a file of raw memory as a base image, and compute its digest. @throws PageferryError; the abort reason
 */
export async function openBaseImage(path: string, signal?: AbortSignal): Promise<BaseImageFile> {
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

async function digestOf(source: PageSource, signal: AbortSignal | undefined) {
  const arena = new Arena();
  const context = declareDigestContext(arena, PAGE_BYTES);
  await arena.allocate();
  return await digestBase(context, source, signal ? { signal } : {});
}
