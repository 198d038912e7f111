import type { Slots } from '../../kernels/arena.js';
import type { Kernels } from '../../kernels/kernels.js';
import { PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { abortable, createYielder, throwIfAborted } from '../../page/sync.js';
import { CHUNK_BYTES } from '../frame/chunk.js';

const SLOT_COUNT = 2;
/** Alignment of skipped ranges: the largest page size. */
const SKIP_BYTES = 65536;
/** Most zero bytes skipped in one step; their digest takes about 20 ms, then other events get a turn. */
const MAX_SKIP_BYTES = 2 ** 36;
/**
 * A gap of up to this many unwanted pages is read along with its neighbours: another read would take longer.
 */
const READ_ALONG_PAGES = 2;

/** Receiver of an image's bytes, in order. */
export interface ChunkConsumer {
  /** Take `bytes` bytes at `address` in the kernels' memory; they are valid until the promise settles. */
  data(address: number, bytes: number): Promise<void>;
  /** Take `bytes` zero bytes, which were not read. */
  zeros(bytes: number): Promise<void>;
}

/** One step of reading: bytes in a slot, then zero bytes that the source skipped. */
interface Chunk {
  readonly bytes: number;
  readonly zeros: number;
  readonly isLast: boolean;
}

/** Reads sources chunk by chunk into the kernels' memory, one chunk ahead of the consumer. */
export class ChunkReader {
  private readonly kernels: Kernels;
  private readonly slots: number[];
  private readonly parentSlot: number;

  constructor(slots: Slots) {
    this.kernels = slots.kernels;
    this.slots = Array.from({ length: SLOT_COUNT }, () => slots.slot('chunk', CHUNK_BYTES));
    this.parentSlot = slots.slot('chunk of the parent', CHUNK_BYTES);
  }

  /**
   * Read `source` to its end and return its size. Only the last chunk may end within a page.
   * @throws PageferryError `io` when the size is not the announced one; the reason of `signal`, without
   *   reading on
   */
  async read(source: PageSource, consumer: ChunkConsumer, signal: AbortSignal): Promise<number> {
    const yieldIfDue = createYielder();
    let position = 0;
    let turn = 0;
    let next = this.fill(source, turn, signal);
    for (;;) {
      const address = this.slots[turn]!;
      const { bytes, zeros, isLast } = await abortable(next, signal);
      turn = (turn + 1) % SLOT_COUNT;
      if (!isLast) {
        next = this.fill(source, turn, signal);
        // Awaited in the next turn; until then its failure is not unhandled.
        next.catch(() => {});
      }
      if (bytes > 0) await consumer.data(address, bytes);
      if (zeros > 0) await consumer.zeros(zeros);
      position += bytes + zeros;
      if (isLast) break;
      await yieldIfDue();
      throwIfAborted(signal);
    }
    if (source.bytes !== undefined && position !== source.bytes)
      throw new PageferryError('io', `${source.name}: expected ${source.bytes} bytes, got ${position}`);
    return position;
  }

  /** Copy up to a chunk of bytes into the kernels' memory; the address is valid until the next call. */
  copyIn(bytes: Uint8Array): number {
    this.kernels.bytes.set(bytes, this.slots[0]!);
    return this.slots[0]!;
  }

  /** Return the address of `bytes` zero bytes, less than a page; valid until the next call of any method. */
  zeros(bytes: number): number {
    this.kernels.bytes.fill(0, this.parentSlot, this.parentSlot + bytes);
    return this.parentSlot;
  }

  /** Read until the slot is full, a range was skipped, or the image ends. */
  private async fill(source: PageSource, turn: number, signal: AbortSignal): Promise<Chunk> {
    const slot = this.slots[turn]!;
    let bytes = 0;
    while (bytes < CHUNK_BYTES) {
      throwIfAborted(signal);
      if (source.skipZeros && bytes % SKIP_BYTES === 0) {
        const zeros = source.skipZeros(MAX_SKIP_BYTES);
        if (zeros > 0) return { bytes, zeros, isLast: false };
      }
      const count = await source.read(this.kernels.bytes.subarray(slot + bytes, slot + CHUNK_BYTES));
      if (count === 0) return { bytes, zeros: 0, isLast: true };
      bytes += count;
    }
    return { bytes, zeros: 0, isLast: false };
  }

  /**
   * Read the wanted ones of `count` pages of `parent` at `position`. Returns the address of the first page of
   * the range, which is valid until the next call; pages that are not wanted are undefined.
   */
  readParent(
    parent: PageSource,
    position: number,
    count: number,
    pageBytes: number,
    isWanted: (page: number) => boolean,
  ): number {
    for (let i = 0; i < count; i++) {
      if (!isWanted(i)) continue;
      let end = i + 1;
      for (let next = end; next < count && next - end <= READ_ALONG_PAGES; next++)
        if (isWanted(next)) end = next + 1;
      this.readRange(parent, position, i * pageBytes, end * pageBytes);
      i = end;
    }
    return this.parentSlot;
  }

  private readRange(parent: PageSource, position: number, from: number, to: number): void {
    const { bytes } = this.kernels;
    const slot = this.parentSlot;
    const count = parent.readAt!(bytes.subarray(slot + from, slot + to), position + from);
    // Pages past the parent's end are compared with zeros; no digest of the parent matches them.
    bytes.fill(0, slot + from + count, slot + to);
  }
}
