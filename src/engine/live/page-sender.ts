import type { BasePages, CacheStats } from '../../dedup/remote-page-cache.js';
import type { Strategy, StreamState } from '../../strategy/strategy.js';
import type { PageBytes } from '../../stream/format.js';
import type { CodecCounts } from '../frame/counters.js';

/**
 * Levels of deduplication, which comes before the strategy. Each level includes the ones before it.
 * - `off`: none, and the strategy is not called: every page is stored uncompressed.
 * - `zero`: pages that repeat one byte, and pages that the receiver already has in the same version.
 * - `exact`: pages that are equal to another page.
 * - `similar`: deltas against pages that are similar.
 */
export const DEDUP_LEVELS = ['off', 'zero', 'exact', 'similar'] as const;
/** A level of deduplication, one of {@link DEDUP_LEVELS}. */
export type DedupLevel = (typeof DEDUP_LEVELS)[number];

/** Result of `bypass` for a page whose bytes must be sent. */
export const BYPASSED_PAGE = -1;
/** Result of `bypass` for a page that the receiver already has in this version. */
export const BYPASSED_UNCHANGED = -2;

/** Options of a page sender. Every field has a default. */
export interface PageSenderOptions {
  /** Bytes of a page: 4096 (default), 16384 or 65536. */
  readonly pageBytes?: PageBytes;
  /** Default `adaptive`. */
  readonly strategy?: Strategy;
  /**
   * State of the stream that the strategy gets. Default: a link of 1 Gbit/s, and this sender's own counters.
   */
  readonly state?: StreamState;
  /** Default `similar`. */
  readonly dedup?: DedupLevel;
  /**
   * Memory for pages as the receiver has them, in bytes, for deltas and references; default 64 MiB, at most 2
   * GiB.
   */
  readonly cacheBytes?: number;
  /** Maximum number of pages in a batch; default 256. */
  readonly batchPages?: number;
  /**
   * Capacity of the page index, in pages, rounded up to a power of two; default 2^17. Takes 64 bytes a page.
   */
  readonly indexPages?: number;
  /** Number of threads that pack, 1 … 16; default 1: the calling thread only. */
  readonly threads?: number;
  /**
   * Read a page that is not in the cache; return false if impossible. Used only if the receiver has its
   * digest.
   */
  readonly rereadPage?: (page: number, into: Uint8Array) => boolean;
  /**
   * Called when a packing starts, with its expected ms and bytes; and when it ends, with minus the expected
   * ms and the difference of actual and expected bytes.
   */
  readonly onPending?: (ms: number, bytes: number) => void;
  /**
   * An image that both hosts have and that pages may refer to. Its pages are read when the sender is created.
   */
  readonly base?: BasePages;
  /** Cancels the creation of the sender, which reads all pages of `base`. No effect later. */
  readonly signal?: AbortSignal;
}

/** A batch that is encoded and being packed. The sender's buffer may be filled again. */
export interface Batch {
  /** Rejects if packing fails; the sender has failed then. */
  readonly packed: Promise<PackedBatch>;
}

/** A packed batch. */
export interface PackedBatch {
  /** The bytes of the stream, in order; valid until `release`. */
  readonly parts: readonly Uint8Array[];
  /** Sum of the lengths of `parts`. */
  readonly bytes: number;
  /** Pages and bytes per codec. */
  readonly counts: CodecCounts;
  /**
   * Return the buffers of `parts` to the sender, after they were written. Required for every batch: a sender
   * has `threads` + 1 frames, and without a free one the next `batch` waits for ever (with one thread, the
   * third). Only the first call has an effect.
   */
  release(): void;
}

/**
 * Encodes the pages of a running guest, batch by batch, against the pages that the receiver has by then. The
 * stream is the bytes of `begin`, of all batches in the order of the calls, and of `end`. After a failure
 * every call throws its cause.
 */
export interface PageSender {
  /**
   * Buffer for the next batch, `batchPages * pageBytes` bytes: page `i` of the batch is at `i * pageBytes`.
   */
  readonly buffer: Uint8Array;
  /** Look-ups of a page's bytes in the cache, and hits. */
  readonly cache: CacheStats;
  /**
   * Return the first bytes of the stream: header, and the guest's name and number of pages, at least 1.
   * Called once.
   * @throws PageferryError `bad-argument` for a name or a number of pages that no stream can have
   */
  begin(name: string, pages: number): Uint8Array;
  /**
   * Encode the pages in `buffer`; `pages` are their numbers. Resolves once they are encoded, which waits
   * for a free frame (`PackedBatch.release`); until then `buffer` must not change. `keepsLast`: send the
   * last page even if the receiver has it.
   * @throws PageferryError `bad-argument` before `begin`, after `end`, and while the previous call has not
   *   resolved
   */
  batch(pages: ArrayLike<number>, keepsLast?: boolean): Promise<Batch>;
  /** Return whether the strategy recommends to bypass the next batch. Always false with a base image. */
  shouldBypass(): boolean;
  /**
   * Record that the caller sends the pages in `buffer` uncompressed, outside of this stream. Later pages do
   * not refer to their bytes. Returns for each page the byte that it repeats, `BYPASSED_PAGE` or
   * `BYPASSED_UNCHANGED`; valid until the next call.
   */
  bypass(pages: ArrayLike<number>, keepsLast?: boolean): ArrayLike<number>;
  /**
   * Switch `buffer` to the second of two buffers, so that the pages in the first stay until the next switch.
   */
  switchBuffer(): void;
  /**
   * Record, without sending it, that the receiver has `page` with the bytes at index `at` (default 0) of
   * `buffer`.
   */
  markPresent(page: number, at?: number): void;
  /** Return whether the receiver has `page` with the bytes at index `at` (default 0) of `buffer`. */
  isPresent(page: number, at?: number): boolean;
  /**
   * Record that the receiver's version of `page` is unknown: no page refers to it, the digest does not cover
   * it.
   */
  invalidate(page: number): void;
  /**
   * Return the last bytes of the stream, with the digest of all pages that the receiver has. Constant time.
   */
  end(): Uint8Array;
  /**
   * Stop the threads and release the memory. Needed with more than one thread: `end` does not stop them. A
   * sender that is not closed keeps its threads and memory, but not the process alive. Idempotent; a
   * pending `batch` rejects.
   */
  close(): Promise<void>;
}
