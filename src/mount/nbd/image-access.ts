import type { ServedImage } from '../served-image.js';

/** Fill `out` with an image's bytes from `offset` on, without blocking on a network. */
export function readImage(image: ServedImage, out: Uint8Array, offset: number): void | Promise<void> {
  return image.later ? image.later.read(out, offset) : image.read(out, offset);
}

/** Return a run of zeros or of data as `ServedImage.run`, without blocking on a network. */
export function runOf(image: ServedImage, offset: number, maxBytes: number) {
  return image.later ? image.later.run(offset, maxBytes) : image.run(offset, maxBytes);
}
