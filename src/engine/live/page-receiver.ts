import type { BasePages } from '../../dedup/remote-page-cache.js';

/** Where the pages of a live guest go, by number, again and again. */
export interface GuestMemory {
  /** `bytes` is only good during the call. */
  write(page: number, bytes: Uint8Array): void;
  zero(page: number): void;
  /** The page as it was written last, or as this side held it from the start. */
  read(page: number, into: Uint8Array): void;
  /** The page was sent again, and is what it was. */
  unchanged?(page: number): void;
}

/** How to receive a live guest. */
export interface PageReceiverOptions {
  /** Makes the memory when the guest is announced: its name, pages and page size. May throw, to refuse. */
  readonly open: (name: string, pages: number, pageBytes: number) => GuestMemory;
  /** Most bytes that the guest may have; default 1 TiB. */
  readonly maxGuestBytes?: number;
  /** Largest frame, in bytes; default 32 MiB. */
  readonly maxFrameBytes?: number;
  /** Hears of every batch: how many pages were written, and that the frame was whole. */
  readonly onBatch?: (pages: number) => void;
  /**
   * Memory for pages as they arrived, in bytes: as much as the sender's cache. References and deltas are looked up there, and
   * `GuestMemory.read` is not called. Absent: the guest's memory is asked.
   */
  readonly cacheBytes?: number;
  /** The image that both sides hold. */
  readonly base?: BasePages;
}

/** Receives a live guest, pushed in pieces of any size. */
export interface PageReceiver {
  /** @throws PageferryError what is wrong and where */
  push(bytes: Uint8Array): void;
  /** The receiver has the page by other means. */
  markPresent(page: number): void;
  /**
   * These pages came by other means: by page the byte that it repeats, or -1 for one whose bytes are next in `bytes`. They are written to
   * the guest's memory, and nothing can refer to their bytes later. @throws PageferryError `bad-stream` before a guest was announced
   */
  bypassed(pages: readonly number[], fills: readonly number[], bytes: Uint8Array): void;
  /** As the sender's. */
  invalidate(page: number): void;
  /** All pages arrived and were proved. */
  readonly complete: boolean;
  /** @throws PageferryError `bad-stream` when the stream ended before that */
  finish(): void;
}
