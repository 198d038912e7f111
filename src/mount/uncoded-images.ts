import { loadImage } from '../image/formats.js';
import type { FileSource } from '../image/image-file.js';
import { PageferryError } from '../page/error.js';
import type { ServedImage, ServedImages } from './served-image.js';

/** Open an image file that is not packed; its format is detected. @throws PageferryError */
export async function openUncodedImage(path: string, name: string): Promise<ServedImages> {
  const source = await openDetected(path);
  const { bytes } = source;
  if (!source.readAt || bytes === undefined) {
    source.close?.();
    throw new PageferryError('unsupported', `${path}: cannot be read at any position; name a file`);
  }
  if (bytes === 0) {
    source.close?.();
    throw new PageferryError(
      'bad-image',
      `${path}: is empty, nothing to serve; name a packed file, an image or a store`,
    );
  }
  let read = 0;
  const image: ServedImage = {
    name,
    bytes,
    read(out, offset) {
      const count = source.readAt!(out, offset);
      read += count;
      if (count !== out.length)
        throw new PageferryError('io', `${path}: expected ${out.length} bytes at ${offset}, got ${count}`);
    },
    run(offset, maxBytes) {
      const wanted = Math.min(maxBytes, bytes - offset);
      const zeros = source.zerosAt?.(offset, wanted) ?? 0;
      return zeros > 0 ? { bytes: zeros, zero: true } : { bytes: wanted, zero: false };
    },
  };
  return {
    images: [image],
    counters: () => ({ packedBytes: read, decodedBytes: read }),
    close: () => source.close?.(),
  };
}

/** Load an image. The error of `loadImage` names an option for the format, which a mount does not have. */
async function openDetected(path: string): Promise<FileSource> {
  try {
    return await loadImage(path);
  } catch (cause) {
    const reason = (cause as Error).cause;
    if (!(cause instanceof PageferryError && reason instanceof PageferryError)) throw cause;
    const remedy = 'to read its bytes, store them with pageferry store put --format raw';
    throw new PageferryError(cause.code, `${reason.message}; ${remedy}`, { cause });
  }
}
