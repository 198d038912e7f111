import type { Slots } from '../../kernels/arena.js';

/** Slots that are in use from the start, if there are as many. */
const FIRST_SLOTS = 16;
/** Bytes of a page of memory, of which the first write takes several microseconds. */
const TOUCH_BYTES = 4096;

/**
 * Slots for unpacked frames. The first write to memory takes longer than unpacking a frame to it does, so few
 * slots are used at first. When a frame has to be unpacked again that more slots would have kept, a page of
 * the next slot is written to, and a slot is used once all its pages are.
 */
export class FrameSlots {
  private readonly slots: number[] = [];
  /** Those that hold no frame, of those in use. */
  private readonly free: number[] = [];
  private inUse: number;
  /** Bytes of the next slot that were written to. */
  private touchedBytes = 0;
  /** Ids of the frames that were dropped, the last as many as there are slots; oldest first. */
  private readonly dropped = new Set<number>();

  /** `count`: two at least. */
  constructor(
    private readonly arena: Slots,
    private readonly slotBytes: number,
    count: number,
  ) {
    for (let i = 0; i < count; i++) this.slots.push(arena.slot('frame', slotBytes, 'cacheBytes'));
    this.inUse = Math.min(FIRST_SLOTS, count);
    for (let i = 0; i < this.inUse; i++) this.free.push(this.slots[i]!);
    arena.onAllocate(() => {
      const { bytes } = arena.kernels;
      for (const slot of this.free) for (let at = 0; at < slotBytes; at += TOUCH_BYTES) bytes[slot + at] = 0;
    });
  }

  /** Return the address of a slot for frame `id`; undefined when a frame has to be dropped first. */
  take(id: number): number | undefined {
    return this.free.pop() ?? (this.dropped.delete(id) ? this.grow() : undefined);
  }

  /** Note that frame `id` was dropped from the slot at `address`, which is free from now on. */
  drop(id: number, address: number): void {
    this.free.push(address);
    this.dropped.add(id);
    if (this.dropped.size > this.slots.length) this.dropped.delete(this.dropped.values().next().value!);
  }

  /** Return a slot that was taken, and that holds no frame. */
  release(address: number): void {
    this.free.push(address);
  }

  private grow(): number | undefined {
    const next = this.slots[this.inUse];
    if (next === undefined) return undefined;
    this.arena.kernels.bytes[next + this.touchedBytes] = 0;
    this.touchedBytes += TOUCH_BYTES;
    if (this.touchedBytes < this.slotBytes) return undefined;
    this.touchedBytes = 0;
    this.inUse++;
    return next;
  }
}
