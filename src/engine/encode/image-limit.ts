import { PageferryError } from '../../page/error.js';

/** Limit on the bytes of all images of a stream. */
export class ImageLimit {
  private bytes = 0;

  constructor(private readonly maxImageBytes: number) {}

  /** Count an image that has ended. */
  add(bytes: number): void {
    this.bytes += bytes;
  }

  /** @throws PageferryError `limit` when an image of `bytes` bytes is too large for the stream */
  check(name: string, bytes: number): void {
    const total = this.bytes + bytes;
    if (total <= this.maxImageBytes) return;
    throw new PageferryError(
      'limit',
      `${name}: ${total} bytes of images in one stream, more than maxImageBytes (${this.maxImageBytes}); ` +
        'raise it, and that of the reader',
    );
  }
}
