import type { Kernels } from '../kernels/kernels.js';

const DIGEST_BYTES = 16;
const LINK_BYTES = 4096;

/**
 * The digest of an image: a chain of XXH3-128 over its page digests, so that it can be made page by page and in constant memory.
 *
 *     state = 16 zero bytes
 *     for every 255 page digests (the last link may have fewer): state = XXH3-128(state | page digests)
 *     digest = XXH3-128(state | image bytes u64)
 *
 * A page digest is XXH3-128 of the page's bytes (seed 0, low half first), the last page with the length that it has. It proves
 * that no accident changed a byte; against someone who forges, the channel must be authenticated.
 */
export class ImageDigest {
  private readonly link: number;
  private used = DIGEST_BYTES;
  private readonly zeroPage: number;

  constructor(
    private readonly kernels: Kernels,
    pageBytes: number,
  ) {
    this.link = kernels.reserve(LINK_BYTES, 'image digest');
    this.zeroPage = kernels.reserve(DIGEST_BYTES, 'zero page digest');
    const page = kernels.reserve(pageBytes, 'zero page');
    kernels.bytes.fill(0, page, page + pageBytes);
    kernels.run.hash128(page, pageBytes, 0, 0, this.zeroPage);
  }

  /** Starts an image. */
  start(): void {
    this.kernels.bytes.fill(0, this.link, this.link + DIGEST_BYTES);
    this.used = DIGEST_BYTES;
  }

  /** Where the digest of a zero page stands. */
  get zeroPageDigest(): number {
    return this.zeroPage;
  }

  /** Takes the digests of the next `count` pages, which stand at `digests`. */
  add(digests: number, count: number): void {
    const { bytes } = this.kernels;
    for (let done = 0; done < count; ) {
      const fits = Math.min(count - done, (LINK_BYTES - this.used) / DIGEST_BYTES);
      const from = digests + done * DIGEST_BYTES;
      bytes.copyWithin(this.link + this.used, from, from + fits * DIGEST_BYTES);
      this.used += fits * DIGEST_BYTES;
      done += fits;
      if (this.used === LINK_BYTES) this.close();
    }
  }

  /** The image's digest. */
  finish(imageBytes: number): Uint8Array {
    if (this.used > DIGEST_BYTES) this.close();
    const { bytes, run } = this.kernels;
    const size = new DataView(bytes.buffer, this.link + DIGEST_BYTES, 8);
    size.setUint32(0, imageBytes % 2 ** 32, true);
    size.setUint32(4, Math.floor(imageBytes / 2 ** 32), true);
    run.hash128(this.link, DIGEST_BYTES + 8, 0, 0, this.link);
    return bytes.slice(this.link, this.link + DIGEST_BYTES);
  }

  private close(): void {
    this.kernels.run.hash128(this.link, this.used, 0, 0, this.link);
    this.used = DIGEST_BYTES;
  }
}

/** A digest as people read it. */
export function digestText(digest: Uint8Array): string {
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
