import type { Slots } from '../../kernels/arena.js';
import { Signal } from '../../page/sync.js';
import { ALL_LOOKS, type Looks } from '../../strategy/strategy.js';
import type { Holdable } from '../frame/frame-builder.js';
import type { SurveyedPages } from '../frame/page-coder.js';
import { JOB_BYTES } from '../threads/job.js';

/**
 * Bytes of an image that are read, scanned and hashed in one step. Small where threads share the work: the
 * first touch of fresh memory takes longer than to pack it, on virtual machines up to 20 µs for 4 KiB.
 */
export const chunkBytes = (threads: number): number => (threads > 1 ? 512 << 10 : 1 << 20);

/**
 * A piece of an image in memory, with what a thread found out about its pages. It stays in place until every
 * frame that refers to its pages was written.
 */
export class Chunk implements Holdable, SurveyedPages {
  readonly address: number;
  readonly classes: number;
  /** Where the pages' digests go: the chunk's own memory, or that of the image. */
  digests: number;
  readonly ownDigests: number;
  /** The parent's pages at the same positions, and which are equal (u8 a page). */
  readonly parent: number;
  readonly equal: number;
  /** The job that reads and surveys the chunk. */
  readonly job: number;
  /** References of the pages that the job looks up, 8 bytes each. */
  readonly references: number;
  /** What the pages are looked for, and whether the job looks the duplicates up, as pages of this image. */
  looks: Looks = ALL_LOOKS;
  lookUp: { readonly image: number; readonly firstPage: number } | undefined;
  /** Whether the parent's pages were read and compared. */
  hasParent = false;
  /** Bytes in the chunk, and zero bytes that the source skipped after them. */
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

  /**
   * Take a free chunk, held once; there has to be one. The chunk that was released last comes first: its
   * memory is in a cache.
   */
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
