import { SlotTable } from '../../engine/page-frames/format.js';
import type { Slots } from '../../kernels/arena.js';

/** Slots that are in use from the start, if there are as many. */
const FIRST_SLOTS = 16;
/** Bytes of a page of memory: the first write to each takes several microseconds. */
const TOUCH_BYTES = 4096;

/** A frame in memory, or space for one. */
export interface UnpackedFrame {
  readonly id: number;
  /** Address of its content. */
  readonly content: number;
  readonly slots: SlotTable;
}

type FrameSlot = { -readonly [K in keyof UnpackedFrame]: UnpackedFrame[K] };

/**
 * Slots for unpacked frames. The first write to memory takes longer than unpacking a frame to it, so few
 * slots are used at first. Whenever a frame is unpacked again that twice as many slots would have kept, one
 * page of the next slot is written to; once all its pages are, that slot is used too.
 */
export class FrameSlots {
  private readonly addresses: number[] = [];
  /** Slots in use without a frame. */
  private readonly free: FrameSlot[] = [];
  private inUse: number;
  /** Bytes of the next slot that were written to. */
  private touchedBytes = 0;
  /** Ids of the frames that were dropped, the last as many as slots are in use; oldest first. */
  private readonly dropped = new Set<number>();

  /** `count`: two at least. */
  constructor(
    private readonly arena: Slots,
    private readonly slotBytes: number,
    count: number,
  ) {
    for (let i = 0; i < count; i++) this.addresses.push(arena.slot('frame', slotBytes, 'cacheBytes'));
    this.inUse = Math.min(FIRST_SLOTS, count);
    for (let i = 0; i < this.inUse; i++) this.free.push(newSlot(this.addresses[i]!));
    arena.onAllocate(() => {
      const { bytes } = arena.kernels;
      for (const { content } of this.free)
        for (let at = 0; at < slotBytes; at += TOUCH_BYTES) bytes[content + at] = 0;
    });
  }

  /** Return space for frame `id`; undefined when a frame has to be dropped first. */
  take(id: number): UnpackedFrame | undefined {
    const slot = this.free.pop() ?? (this.dropped.delete(id) ? this.grow() : undefined);
    if (slot) slot.id = id;
    return slot;
  }

  /** Drop a frame, whose space is free from now on. */
  drop(frame: UnpackedFrame): void {
    this.release(frame);
    this.dropped.add(frame.id);
    if (this.dropped.size > this.inUse) this.dropped.delete(this.dropped.values().next().value!);
  }

  /** Return space that was taken, and that holds no frame. */
  release(frame: UnpackedFrame): void {
    this.free.push(frame);
  }

  private grow(): FrameSlot | undefined {
    const next = this.addresses[this.inUse];
    if (next === undefined) return undefined;
    this.arena.kernels.bytes[next + this.touchedBytes] = 0;
    this.touchedBytes += TOUCH_BYTES;
    if (this.touchedBytes < this.slotBytes) return undefined;
    this.touchedBytes = 0;
    this.inUse++;
    return newSlot(next);
  }
}

function newSlot(content: number): FrameSlot {
  return { id: 0, content, slots: new SlotTable() };
}
