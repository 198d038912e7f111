import { openImage } from '../image/formats.js';
import { PageferryError } from '../page/error.js';
import type { ServedImage, ServedImages } from './served-image.js';

/** Serve an image file that is not packed, in the format that its content has. @throws PageferryError */
export function openUncodedImage(path: string, name: string): ServedImages {
  const source = openImage(path);
  const { bytes } = source;
  if (!source.readAt || bytes === undefined) {
    source.close?.();
    throw new PageferryError('unsupported', `${path}: cannot be read at any position; name a file`);
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
