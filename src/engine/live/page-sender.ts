import type { BasePages, CacheStats } from '../../dedup/remote-page-cache.js';
import type { Strategy, StreamState } from '../../strategy/strategy.js';
import type { PageBytes } from '../../stream/format.js';
import type { CodecCounts } from '../frame/counters.js';

/**
 * Levels of deduplication before the strategy is called; each level includes the ones before it.
 * - `off`: every page is stored uncompressed.
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
   * State of the stream, which the strategy reads. Default: a link of 1 Gbit/s and the bytes that this sender
   * packs.
   */
  readonly state?: StreamState;
  /** Default `similar`. */
  readonly dedup?: DedupLevel;
  /** Memory for pages as the receiver has them, in bytes; deltas and references need it. Default 64 MiB. */
  readonly cacheBytes?: number;
  /** Maximum number of pages in a batch; default 256. */
  readonly batchPages?: number;
  /** Pages in the fingerprint index, rounded up to a power of two; default 2^17. 64 bytes each. */
  readonly indexPages?: number;
  /** Threads that pack; default 1: the calling thread only. */
  readonly threads?: number;
  /**
   * Read a page that is not in the cache, as the receiver may have it; return false if that is not possible.
   */
  readonly rereadPage?: (page: number, into: Uint8Array) => boolean;
  /** Called with the expected ms and bytes of packing that starts (positive) or is done (negative). */
  readonly onPending?: (ms: number, bytes: number) => void;
  /**
   * An image that both hosts have and that pages may refer to. Its pages are read when the sender is created.
   */
  readonly base?: BasePages;
  /** Cancels the creation of the sender, which reads all pages of `base`. */
  readonly signal?: AbortSignal;
}

/** A batch that was encoded and is being packed. The sender's buffer may be filled again. */
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
   * Give the buffers of `parts` back to the sender, once they were written. Only the first call has an
   * effect.
   */
  release(): void;
}

/**
 * Encodes the pages of a running guest, batch by batch, each page against what the receiver has at that point
 * of the stream. The bytes of `begin`, every batch in the order of the calls, and `end` are the stream. After
 * a failure every call throws its cause.
 */
export interface PageSender {
  /**
   * Buffer for the pages of the next batch, in the order of their numbers; `batchPages * pageBytes` bytes.
   */
  readonly buffer: Uint8Array;
  /** Look-ups of a page's bytes in the cache, and hits. */
  readonly cache: CacheStats;
  /** Return the first bytes of the stream: header, and the guest's name and number of pages. Called once. */
  begin(name: string, pages: number): Uint8Array;
  /**
   * Encode the pages in `buffer`; `pages` are their numbers. Resolves once a frame was free for them; until
   * then `buffer` must not be changed. `keepsLast`: send the last page even if the receiver has it.
   * @throws PageferryError `bad-argument` before `begin`, after `end`, and while the previous call has not
   * resolved
   */
  batch(pages: ArrayLike<number>, keepsLast?: boolean): Promise<Batch>;
  /** Return whether the strategy recommends to bypass the next batch. Always false with a base image. */
  shouldBypass(): boolean;
  /**
   * Record that the pages in `buffer` are sent uncompressed outside of this stream. Nothing refers to their
   * bytes later. Returns, for each page, the byte that it repeats, `BYPASSED_PAGE` or `BYPASSED_UNCHANGED`;
   * valid until the next call.
   */
  bypass(pages: ArrayLike<number>, keepsLast?: boolean): ArrayLike<number>;
  /**
   * Use another buffer from now on, so that the pages in this one do not change until the next call.
   * `buffer` is the new one then.
   */
  switchBuffer(): void;
  /**
   * Record that the receiver has `page` as it is at index `at` (default 0) of `buffer`, without sending it.
   */
  markPresent(page: number, at?: number): void;
  /** Return whether the receiver has `page` as it is at index `at` (default 0) of `buffer`. */
  isPresent(page: number, at?: number): boolean;
  /**
   * Record that it is unknown what the receiver has as `page`: nothing refers to it, and the digest does not
   * cover it.
   */
  invalidate(page: number): void;
  /**
   * Return the last bytes of the stream, with the digest of all pages that the receiver has. Constant time.
   */
  end(): Uint8Array;
  /** Stop the threads and release the memory. Idempotent; a pending `batch` rejects. */
  close(): Promise<void>;
}
