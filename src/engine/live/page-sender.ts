import type { BasePages } from '../../dedup/remote-page-cache.js';
import type { Strategy, StreamState } from '../../strategy/strategy.js';
import type { PageBytes } from '../../stream/format.js';
import type { CodecCounts } from '../frame/counters.js';

/**
 * What is looked for before a strategy is asked, each with what stands before it: nothing; pages that repeat one byte, and pages that
 * are what the receiver has already; pages that are the same as another; pages that resemble another.
 */
export const DEDUP_LEVELS = ['off', 'zero', 'exact', 'similar'] as const;
export type DedupLevel = (typeof DEDUP_LEVELS)[number];

/** What `pass` says of a page that does not repeat one byte: its bytes have to go, or the receiver has it already. */
export const BYPASSED_PAGE = -1;
export const BYPASSED_UNCHANGED = -2;

/** How to send a live guest. */
export interface PageSenderOptions {
  readonly pageBytes: PageBytes;
  readonly strategy: Strategy;
  /** How the stream stands; what the strategy is told. */
  readonly state: StreamState;
  readonly dedup: DedupLevel;
  /** Memory for pages as they were sent, in bytes; deltas and references need them. */
  readonly cacheBytes: number;
  /** Most pages of a batch. */
  readonly batchPages: number;
  /** Pages that the fingerprint index has room for. */
  readonly indexPages: number;
  readonly threads?: number;
  /** Reads a page whose bytes are not in the cache, as the receiver may have it; whether it could. */
  readonly rereadPage?: (page: number, into: Uint8Array) => boolean;
  /** Hears of expected packing that starts (positive) or is done (negative). */
  readonly onPending?: (ms: number, bytes: number) => void;
  /** An image that both sides hold, which pages may refer to; its pages are learnt when the sender is made. */
  readonly base?: BasePages;
}

/** Pages on their way: they left the room, and are being packed. */
export interface Batch {
  readonly packed: Promise<PackedBatch>;
}

export interface PackedBatch {
  /** The bytes, in order; good until `done`. */
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
  readonly counts: CodecCounts;
  /** They were written: their room may be used again. */
  release(): void;
}

/** Codes the pages of a guest that is written to meanwhile, batch by batch, each against what the receiver has by then. */
export interface PageSender {
  /** Where a batch's pages are put, one after the other, before `batch` is called. */
  readonly buffer: Uint8Array;
  /** What a stream begins with: the guest's name, and its pages; numbers are below it. */
  begin(name: string, pages: number): Uint8Array;
  /**
   * Codes the pages of these numbers, which stand in `room`; waits for a frame to put them in. `keepsLast`: the last one travels even
   * if it is what the receiver has already.
   */
  batch(pages: ArrayLike<number>, keepsLast?: boolean): Promise<Batch>;
  /** The receiver has the page in `room` by other means: it held it, or fetches it elsewhere. */
  markPresent(page: number, at?: number): void;
  /** Asks the strategy whether the next batch should be passed as it is; never where an image is held that most pages may be in. */
  shouldBypass(): boolean;
  /**
   * The pages of these numbers, which stand in `room`, go to the receiver by other means, as they are: nothing refers to their bytes later.
   * Returns by page the byte that it repeats, `BYPASSED_PAGE` or `BYPASSED_UNCHANGED`; good until the next call. `keepsLast` as for `batch`.
   */
  bypass(pages: ArrayLike<number>, keepsLast?: boolean): ArrayLike<number>;
  /** What the receiver has as this page is not known here any more: nothing refers to it, and no digest covers it. */
  invalidate(page: number): void;
  /** Whether the receiver has the page in `room` already. */
  isPresent(page: number, at?: number): boolean;
  /** Ends the stream: proves all pages that the receiver has. */
  end(): Uint8Array;
  readonly cache: { readonly lookups: number; readonly hits: number };
  close(): Promise<void>;
}
