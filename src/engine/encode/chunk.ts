import type { Slots } from '../../kernels/arena.js';
import { Signal } from '../../page/sync.js';
import { ALL_LOOKS, type Looks } from '../../strategy/strategy.js';
import type { Holdable } from '../frame/frame-builder.js';
import type { SurveyedPages } from '../frame/page-coder.js';
import { JOB_BYTES } from '../threads/job.js';

/**
 * Return the bytes of an image that are read, scanned and hashed in one step. Smaller with several threads,
 * which use many chunks: the first touch of fresh memory takes up to 20 µs for 4 KiB on a virtual machine.
 */
export const chunkBytes = (threads: number): number => (threads > 1 ? 512 << 10 : 1 << 20);

/**
 * A piece of an image in memory, with the results of its ingest job. Its memory is reused once all its
 * holders, the reader and the frames that refer to its pages, have released it.
 */
export class Chunk implements Holdable, SurveyedPages {
  readonly address: number;
  readonly classes: number;
  /** Address for the pages' digests: `ownDigests`, or their place among the image's digests. */
  digests: number;
  readonly ownDigests: number;
  /** Addresses: the parent's pages at the same positions, and 1 for each page equal to the parent's (u8). */
  readonly parent: number;
  readonly equal: number;
  /** Address of the ingest job. */
  readonly job: number;
  /** Address of the look-up results, 8 bytes a page. */
  readonly references: number;
  /** The searches that the strategy allows for the pages. */
  looks: Looks = ALL_LOOKS;
  /** Set if the job looks duplicates up: the image and the number of the chunk's first page. */
  lookUp: { readonly image: number; readonly firstPage: number } | undefined;
  /** Whether the parent's pages were read and compared. */
  hasParent = false;
  /** Bytes in the chunk, and zero bytes after them that were not read (`skipZeros`, `zerosAt`). */
  bytes = 0;
  zeros = 0;
  isLast = false;
  private holders = 0;

  constructor(
    slots: Slots,
    capacity: number,
    pageBytes: number,
    private readonly onFree: (chunk: Chunk) => void,
  ) {
    const pages = capacity / pageBytes;
    this.address = slots.slot('chunk', capacity);
    this.parent = slots.slot('chunk of the parent', capacity);
    this.classes = slots.slot('page classes', 2 * pages);
    this.ownDigests = slots.slot('page digests', 16 * pages);
    this.digests = this.ownDigests;
    this.references = slots.slot('references of a chunk', 8 * pages);
    this.equal = slots.slot('equal pages', pages);
    this.job = slots.slot('ingest job', JOB_BYTES);
  }

  hold(): void {
    this.holders++;
  }

  release(): void {
    if (--this.holders === 0) this.onFree(this);
  }
}

/** The chunks of an encoder. */
export class ChunkPool {
  private readonly free: Chunk[] = [];
  private readonly freed = new Signal();

  /** `capacity`: bytes of a chunk. */
  constructor(
    slots: Slots,
    readonly capacity: number,
    pageBytes: number,
    private readonly count: number,
  ) {
    const onFree = (chunk: Chunk) => {
      this.free.push(chunk);
      this.freed.notify();
    };
    for (let i = 0; i < count; i++) this.free.push(new Chunk(slots, capacity, pageBytes, onFree));
  }

  /** Chunks that are not free. */
  get takenCount(): number {
    return this.count - this.free.length;
  }

  /** Whether a chunk can be taken. */
  get hasFree(): boolean {
    return this.free.length > 0;
  }

  /** Take the chunk that was freed last, likely still in a cache, and hold it once; needs `hasFree`. */
  take(): Chunk {
    const chunk = this.free.pop()!;
    chunk.hold();
    return chunk;
  }

  /** Resolve when the next chunk is released. @throws the reason of `signal` */
  nextFree(signal: AbortSignal): Promise<void> {
    return this.freed.wait(signal);
  }
}
