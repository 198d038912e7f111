import type { PageBytes } from '../stream/format.js';

/** An access of the guest to one of its pages, before it is done; false: it cannot be done now, the guest waits for the page. */
export type Access = (page: number, write: boolean) => boolean;

/**
 * A guest: memory that changes in time. It is run by its own clock, deterministic, and knows nothing of being migrated. The same
 * object is used for one migration.
 */
export interface Guest {
  readonly name: string;
  readonly pages: number;
  readonly pageBytes: PageBytes;
  /** Registers and device state, which travel while the guest stands still. */
  readonly stateBytes: number;
  /** Pages of the real guest that each of these stands for: above 1, this is a sample of a guest too large to hold. */
  readonly pagesEach: number;
  /**
   * Runs the guest up to `toMs` of its own time, and tells every access before it is done. Returns the time it got to: `toMs`, or
   * that of the access that could not be done, which comes first the next time.
   */
  run(toMs: number, access: Access): number;
  /** The page as it is now. */
  read(page: number, into: Uint8Array): void;
  /** Whether the guest's allocator has given the page out; the content of others may be lost. */
  isAllocated(page: number): boolean;
  /** The disk block that the page mirrors now, or -1: same bytes, neither written since. */
  blockOf(page: number): number;
  readBlock(block: number, into: Uint8Array): void;
  /** The page as the other host holds it from an earlier visit; false: it holds none. */
  kept(page: number, into: Uint8Array): boolean;
  close(): void;
}

/** Makes guests that are all alike, one for each migration. */
export interface GuestSpec {
  readonly name: string;
  open(seed: number): Guest | Promise<Guest>;
}

/** What most guests have none of. */
export const NO_BLOCKS = {
  blockOf: () => -1,
  readBlock: (block: number) => {
    throw new RangeError(`block ${block}: this guest mirrors no disk`);
  },
} as const;

/** Registers and device state of a small PC guest as QEMU sends them, in bytes; taken where a guest does not say. */
export const STATE_BYTES = 64 << 10;
