import type { BasePages } from '../../dedup/remote-page-cache.js';
import type { DecodeCosts } from '../threads/decode-meter.js';

/**
 * Memory of a live guest. Pages are written by number, in any order and repeatedly. All methods are
 * synchronous: a promise is refused.
 */
export interface GuestMemory {
  /** Write a page; `bytes` is valid only during the call. */
  write(page: number, bytes: Uint8Array): void;
  /** Fill a page with zero bytes. */
  zero(page: number): void;
  /**
   * Read the last written version of a page, or the version that this host had before. With `cacheBytes` only
   * `markPresent` calls this.
   */
  read(page: number, into: Uint8Array): void;
  /** Called when a page was sent again unchanged. */
  unchanged?(page: number): void;
}

/** Options of a page receiver. */
export interface PageReceiverOptions {
  /** Create the guest's memory when the stream announces the guest; synchronous. May throw to refuse it. */
  readonly open: (name: string, pages: number, pageBytes: number) => GuestMemory;
  /**
   * Maximum size of the guest, in bytes; default 1 TiB. The receiver's own tables take up to 0.5% of the
   * guest's size.
   */
  readonly maxGuestBytes?: number;
  /** Maximum size of a frame, in bytes; default 32 MiB. */
  readonly maxFrameBytes?: number;
  /** Called with the number of pages of each batch, after they were written. */
  readonly onBatch?: (pages: number) => void;
  /**
   * Memory for pages as they arrived, in bytes; must equal the sender's `cacheBytes`. References and deltas
   * then read the cache instead of the guest's memory. Default: no cache.
   */
  readonly cacheBytes?: number;
  /** The image that both hosts have. */
  readonly base?: BasePages;
}

/**
 * Receives the stream of a live guest, in pieces of any size. After a failure every call throws its cause.
 */
export interface PageReceiver {
  /** True once all pages arrived and their digest was verified. */
  readonly complete: boolean;
  /** Cost of decoding so far: `destinationSpeed` turns it into the input of the source's strategy. */
  readonly costs: DecodeCosts;
  /**
   * Read the next bytes of the stream.
   * @throws PageferryError what is wrong, and where; `bad-argument` for other than a Uint8Array, after
   *   which the receiver works on
   */
  push(bytes: Uint8Array): void;
  /**
   * Write pages that were sent outside of the stream (`PageSender.bypass`). `fills`: for each page the byte
   * that it repeats, or -1 if its bytes are next in `bytes`. Later pages do not refer to their bytes.
   * @throws PageferryError `bad-stream` before any page is written, if the guest has no such page, or `fills`
   *   or `bytes` do not fit the pages
   */
  bypassed(pages: readonly number[], fills: readonly number[], bytes: Uint8Array): void;
  /**
   * Record that the guest's memory holds `page`, which the sender marked as present too.
   * @throws PageferryError `bad-stream` if the guest has no such page
   */
  markPresent(page: number): void;
  /** As the sender's `invalidate`. */
  invalidate(page: number): void;
  /** Check that the stream is complete. @throws PageferryError `bad-stream` if it is truncated */
  finish(): void;
  /**
   * Release the memory; not needed, a receiver has no threads. Idempotent; later calls of the others throw.
   */
  close(): void;
}
