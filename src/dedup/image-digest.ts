import type { Slots } from '../kernels/arena.js';
import type { Kernels } from '../kernels/kernels.js';

const DIGEST_BYTES = 16;
const LINK_BYTES = 4096;

/**
 * The digest of an image: a chain of XXH3-128 over its page digests, computed page by page in constant
 * memory.
 *
 *     state = 16 zero bytes
 *     for every 255 page digests (the last link may have fewer): state = XXH3-128(state | page digests)
 *     digest = XXH3-128(state | image bytes u64)
 *
 * A page digest is XXH3-128 of the page's bytes (seed 0, low half first); a shorter last page is hashed with
 * its own length. The digest detects every accidental change. It has no key: against forgery, authenticate
 * the channel.
 */
export class ImageDigest {
  /** Address of the digest of a zero page, 16 bytes. */
  readonly zeroPageDigest: number;
  private readonly kernels: Kernels;
  /** Address of the current link: the state, then page digests. */
  private readonly link: number;
  private readonly zeroPage: number;
  /** Bytes of the current link. */
  private used = DIGEST_BYTES;

  /** `pageBytes`: the size of a page, or the largest size where {@link setPageBytes} sets it later. */
  constructor(slots: Slots, pageBytes: number) {
    this.kernels = slots.kernels;
    this.link = slots.slot('image digest', LINK_BYTES);
    this.zeroPageDigest = slots.slot('zero page digest', DIGEST_BYTES);
    this.zeroPage = slots.slot('zero page', pageBytes);
    slots.onAllocate(() => this.setPageBytes(pageBytes));
  }

  /** Set the page size, at most the one given to the constructor: recomputes the digest of a zero page. */
  setPageBytes(pageBytes: number): void {
    const { bytes, run } = this.kernels;
    bytes.fill(0, this.zeroPage, this.zeroPage + pageBytes);
    run.hash128(this.zeroPage, pageBytes, 0, 0, this.zeroPageDigest);
  }

  /** Start an image. */
  start(): void {
    this.kernels.bytes.fill(0, this.link, this.link + DIGEST_BYTES);
    this.used = DIGEST_BYTES;
  }

  /** Add the digests of the next `count` pages, stored at `digests`. */
  add(digests: number, count: number): void {
    const { run } = this.kernels;
    for (let done = 0; done < count; ) {
      const fits = Math.min(count - done, (LINK_BYTES - this.used) / DIGEST_BYTES);
      const from = digests + done * DIGEST_BYTES;
      run.copyBytes(this.link + this.used, from, fits * DIGEST_BYTES);
      this.used += fits * DIGEST_BYTES;
      done += fits;
      if (this.used === LINK_BYTES) this.closeLink();
    }
  }

  /** Add the digest at `digest` for the next `count` pages; 1 ns a page, for runs of zero pages. */
  addRepeated(digest: number, count: number): void {
    const { run } = this.kernels;
    const perLink = (LINK_BYTES - DIGEST_BYTES) / DIGEST_BYTES;
    let left = count;
    // Fill at most two links digest by digest: the current one and a whole one.
    for (let links = 0; left > 0 && links < 2; links++) {
      const fits = Math.min(left, (LINK_BYTES - this.used) / DIGEST_BYTES);
      for (const end = this.used + fits * DIGEST_BYTES; this.used < end; this.used += DIGEST_BYTES)
        run.copyBytes(this.link + this.used, digest, DIGEST_BYTES);
      left -= fits;
      if (this.used === LINK_BYTES) this.closeLink();
    }
    // Closing a link changes only its state: the same digests follow it, so the link can be closed again.
    for (; left >= perLink; left -= perLink) run.hash128(this.link, LINK_BYTES, 0, 0, this.link);
    this.used += left * DIGEST_BYTES;
  }

  /** Return the digest of an image of `imageBytes` bytes. */
  finish(imageBytes: number): Uint8Array {
    if (this.used > DIGEST_BYTES) this.closeLink();
    const { bytes, run } = this.kernels;
    const size = new DataView(bytes.buffer, this.link + DIGEST_BYTES, 8);
    size.setUint32(0, imageBytes % 2 ** 32, true);
    size.setUint32(4, Math.floor(imageBytes / 2 ** 32), true);
    run.hash128(this.link, DIGEST_BYTES + 8, 0, 0, this.link);
    return bytes.slice(this.link, this.link + DIGEST_BYTES);
  }

  private closeLink(): void {
    this.kernels.run.hash128(this.link, this.used, 0, 0, this.link);
    this.used = DIGEST_BYTES;
  }
}

/** Return a digest as hexadecimal text. */
export function digestText(digest: Uint8Array): string {
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
