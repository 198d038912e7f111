import type { IndexEntry } from '../../stream/format.js';
import type { FrameMap } from './frame-map.js';

/** Initial limit: this many bytes, or space for this many of the largest frames if that is more. */
const FIRST_BYTES = 2 << 20;
const FIRST_FRAMES = 4;
/** Maximum number of evicted frames whose memory is kept for reuse. */
const MAX_FREE = 4;
/** Growth of the limit when an evicted frame is unpacked again, as a share of the frame's bytes. */
const GROWTH = 0.25;

/**
 * LRU cache of unpacked frames. The first write to fresh memory can take longer than unpacking a frame, so
 * the cache begins small and reuses its memory. It grows, up to `maxBytes`, when a frame is unpacked again
 * that a larger cache would still have.
 */
export class FrameCache {
  private readonly maps = new Map<IndexEntry, FrameMap>();
  private bytes = 0;
  /** Current limit on `bytes`. */
  private limit: number;
  /** Memory of evicted frames, to be reused. */
  private readonly free: Uint8Array[] = [];
  /** Bytes of evicted frames that a cache of `maxBytes` would still have; oldest first. */
  private readonly dropped = new Map<IndexEntry, number>();
  private droppedBytes = 0;

  /**
   * `isReused`: whether the memory of evicted frames is reused. Callers must then not use a frame after they
   * asked for another one.
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

  /** Return memory for a frame whose segments have `bytes` bytes; it may be larger. */
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

  /** Evict frames until a frame of `bytes` bytes fits. */
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
