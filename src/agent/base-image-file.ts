import { declareDigestContext, digestBase } from '../engine/decode/base-digest.js';
import { openFileSource } from '../image/raw.js';
import { Arena } from '../kernels/arena.js';
import { badArgument } from '../page/error.js';
import type { PageSource } from '../page/source.js';
import { TARGET_PAGE_BYTES } from '../qemu/format.js';
import type { BaseImage } from './base-image.js';

/** A base image from a file of raw memory. */
export interface BaseImageFile extends BaseImage {
  readonly name: string;
  close(): void;
}

/**
 * Open a file of raw memory as a base image, and compute its digest. @throws PageferryError; the abort reason
 */
export async function openBaseImage(path: string, signal?: AbortSignal): Promise<BaseImageFile> {
  const source = openFileSource(path);
  try {
    const { bytes, digest } = await digestOf(source, signal);
    const pages = Math.floor(bytes / TARGET_PAGE_BYTES);
    if (pages === 0) throw badArgument(`--base ${path}: ${bytes} bytes, expected at least one page`);
    return {
      name: path,
      pages,
      digest,
      read(page, into) {
        source.readAt!(into, page * TARGET_PAGE_BYTES);
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
  const context = declareDigestContext(arena, TARGET_PAGE_BYTES);
  await arena.allocate();
  return await digestBase(context, source, signal ? { signal } : {});
}
