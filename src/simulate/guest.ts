import type { PageBytes } from '../stream/format.js';

/** Called for each access before it happens. Returns false if the page is missing: the guest waits for it. */
export type Access = (page: number, write: boolean) => boolean;

/**
 * A guest: memory that changes over time. It runs by its own clock, is deterministic, and does not depend on
 * the migration. One object serves one migration.
 */
export interface Guest {
  readonly name: string;
  readonly pages: number;
  readonly pageBytes: PageBytes;
  /** Bytes of registers and device state, sent while the guest is stopped. */
  readonly stateBytes: number;
  /**
   * Pages of the guest per simulated page; above 1 the pages are a sample of a guest too
   * large to hold.
   */
  readonly scale: number;
  /**
   * Run the guest up to `toMs` of its own time and report every access before it happens. Return the time
   * reached: `toMs`, or that of an access that was refused; the next call starts with that access.
   */
  run(toMs: number, access: Access): number;
  /** Read the page's current bytes. */
  read(page: number, into: Uint8Array): void;
  /** Whether the allocator has given the page out; the content of other pages may be lost. */
  isAllocated(page: number): boolean;
  /** Return the disk block whose bytes the page holds now; -1: none. */
  blockOf(page: number): number;
  /** Read a disk block, which both hosts can read. */
  readBlock(block: number, into: Uint8Array): void;
  /** Read the page that the destination kept from an earlier visit; false: it kept none. */
  readKept(page: number, into: Uint8Array): boolean;
  close(): void;
}

/** Factory of equal guests, one for each migration. */
export interface GuestSpec {
  readonly name: string;
  /** Create a guest. The same seed gives the same accesses and contents. */
  open(seed: number): Guest | Promise<Guest>;
}

/** Members of a guest without a disk. */
export const NO_BLOCKS = {
  blockOf: () => -1,
  readBlock: (block: number) => {
    throw new RangeError(`block ${block}: this guest has no disk blocks`);
  },
} as const;

/** Default of `stateBytes`: that of a small PC guest under QEMU. */
export const STATE_BYTES = 64 << 10;
