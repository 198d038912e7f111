import type { ServedImage } from '../served-image.js';

/** Reads of an image that do not block, whether its bytes are on this host or come over a network. */
export function readImage(image: ServedImage, out: Uint8Array, offset: number): void | Promise<void> {
  return image.later ? image.later.read(out, offset) : image.read(out, offset);
}

/** A run of zeros or of data, as `ServedImage.run` returns it. */
export function runOf(image: ServedImage, offset: number, maxBytes: number) {
  return image.later ? image.later.run(offset, maxBytes) : image.run(offset, maxBytes);
}
