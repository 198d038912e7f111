import type { Slots } from './arena.js';
import type { Kernels } from './kernels.js';
import { LAYOUT } from './layout.generated.js';

/** Bytes of a key. */
export const BLAKE3_KEY_BYTES = 32;
/** Bytes of a digest; the first bytes of it are a digest of fewer bits. */
export const BLAKE3_DIGEST_BYTES = 32;

/**
 * Keyed BLAKE3 of runs of pages. Without the key, nothing can be learned about a page from its digest, and no
 * two pages with the same digest can be found.
 */
export class PageBlake3 {
  /** Address of the digests of the last run, {@link BLAKE3_DIGEST_BYTES} each. */
  readonly digests: number;
  private readonly kernels: Kernels;
  private readonly key: number;
  private readonly scratch: number;

  /** `maxRunPages`: the longest run that {@link hash} is given. */
  constructor(
    slots: Slots,
    private readonly maxRunPages: number,
  ) {
    this.kernels = slots.kernels;
    this.key = slots.slot('BLAKE3 key', BLAKE3_KEY_BYTES);
    this.scratch = slots.slot('BLAKE3 scratch', LAYOUT.BLAKE3_SCRATCH_BYTES);
    this.digests = slots.slot('BLAKE3 digests', maxRunPages * BLAKE3_DIGEST_BYTES);
  }

  /** Set the key of all later calls. */
  setKey(key: Uint8Array): void {
    if (key.length !== BLAKE3_KEY_BYTES)
      throw new RangeError(`BLAKE3 key: expected ${BLAKE3_KEY_BYTES} bytes, got ${key.length}`);
    this.kernels.bytes.set(key, this.key);
  }

  /**
   * Hash `pageCount` pages of `pageBytes` (at most 65536) bytes from the address `src` on. `classes`: address
   * of a u16 a page, pages of a class other than 0 keep the digest of an earlier run; 0: hash all pages.
   */
  hash(src: number, pageCount: number, pageBytes: number, classes = 0): void {
    if (pageCount > this.maxRunPages || pageBytes > LAYOUT.MAX_PAGE_BYTES)
      throw new RangeError(
        `BLAKE3: expected at most ${this.maxRunPages} pages of ${LAYOUT.MAX_PAGE_BYTES} bytes, ` +
          `got ${pageCount} of ${pageBytes}`,
      );
    const { key, digests, scratch } = this;
    this.kernels.run.blake3Pages(src, pageCount, pageBytes, classes, key, digests, scratch);
  }
}
