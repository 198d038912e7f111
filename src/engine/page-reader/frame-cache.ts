import type { IndexEntry } from '../../stream/format.js';
import type { FrameMap } from './frame-map.js';

/** Memory that is used from the start, and the largest frames that have space in it. */
const FIRST_BYTES = 2 << 20;
const FIRST_FRAMES = 4;
/** Memory of dropped frames that the next ones may get. */
const MAX_FREE = 4;
/** Share of its bytes that a frame adds to the memory in use when it is unpacked again. */
const GROWTH = 0.25;

/**
 * The frames that were used last. The first write to memory can take longer than unpacking a frame to it, so
 * little memory is used at first, again and again. A frame that is unpacked twice, which more memory would
 * have kept, adds to it.
 */
export class FrameCache {
  private readonly maps = new Map<IndexEntry, FrameMap>();
  private bytes = 0;
  private limit: number;
  private readonly free: Uint8Array[] = [];
  /** Frames that were dropped, and would not have been with all memory in use; oldest first. */
  private readonly dropped = new Map<IndexEntry, number>();
  private droppedBytes = 0;

  /**
   * `isReused`: whether a dropped frame's memory is used for the next one, which needs callers that use no
   * frame after they asked for the next.
   */
  constructor(
    private readonly maxBytes: number,
    maxFrameBytes: number,
    private readonly isReused: boolean,
  ) {
    this.limit = isReused
      ? Math.min(maxBytes, Math.max(FIRST_BYTES, FIRST_FRAMES * maxFrameBytes))
      : maxBytes;
  }

  get(entry: IndexEntry): FrameMap | undefined {
    const map = this.maps.get(entry);
    if (map) {
      // Insertion order is the order of eviction.
      this.maps.delete(entry);
      this.maps.set(entry, map);
    }
    return map;
  }

  clear(): void {
    this.maps.clear();
    this.dropped.clear();
    this.free.length = 0;
    this.bytes = 0;
    this.droppedBytes = 0;
  }

  /** Return memory for a frame whose segments have `bytes` bytes; it may be longer. */
  takeSpace(entry: IndexEntry, bytes: number): Uint8Array {
    if (!this.isReused) return new Uint8Array(bytes);
    const before = this.dropped.get(entry);
    if (before !== undefined) {
      this.dropped.delete(entry);
      this.droppedBytes -= before;
      this.limit = Math.min(this.maxBytes, this.limit + GROWTH * before);
    }
    this.makeSpace(bytes);
    const size = 2 ** Math.ceil(Math.log2(Math.max(1, bytes)));
    const at = this.free.findIndex(({ length }) => length === size);
    return at < 0 ? new Uint8Array(size) : this.free.splice(at, 1)[0]!;
  }

  put(entry: IndexEntry, map: FrameMap): void {
    this.makeSpace(map.bytes);
    this.maps.set(entry, map);
    this.bytes += map.bytes;
  }

  /** Drop frames until one of `bytes` bytes has space. */
  private makeSpace(bytes: number): void {
    for (const [oldest, map] of this.maps) {
      if (this.bytes + bytes <= this.limit) break;
      this.maps.delete(oldest);
      this.bytes -= map.bytes;
      if (this.isReused) this.recordDropped(oldest, map);
    }
  }

  private recordDropped(entry: IndexEntry, map: FrameMap): void {
    this.free.push(map.space);
    if (this.free.length > MAX_FREE) this.free.shift();
    this.dropped.set(entry, map.bytes);
    this.droppedBytes += map.bytes;
    for (const [oldest, bytes] of this.dropped) {
      if (this.droppedBytes + this.bytes <= this.maxBytes) break;
      this.dropped.delete(oldest);
      this.droppedBytes -= bytes;
    }
  }
}
