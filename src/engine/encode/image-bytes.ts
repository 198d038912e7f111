import { PageferryError } from '../../page/error.js';
import type { ImageProgress } from '../../strategy/strategy.js';

/** The bytes of all images of a stream: those so far, their limit, and those that are expected to follow. */
export class ImageBytes {
  private bytes = 0;

  /** `expectedBytes`: expected bytes of all images; 0: unknown. */
  constructor(
    private readonly maxImageBytes: number,
    private readonly expectedBytes = 0,
  ) {}

  /** Count an image that has ended. */
  add(bytes: number): void {
    this.bytes += bytes;
  }

  /** Return the bytes of the next image and those expected after it; 0: unknown. `isLast`: none follows. */
  rest(bytes = 0, isLast = false): Pick<ImageProgress, 'bytes' | 'laterBytes'> {
    return { bytes, laterBytes: isLast ? 0 : Math.max(0, this.expectedBytes - this.bytes - bytes) };
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
