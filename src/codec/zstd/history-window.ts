import type { ZstdMemory } from './memory.js';

/** Bytes that are added between two moves of the window: at least this, or a quarter of the window. */
const MIN_STEP_BYTES = 1 << 20;
/** Bytes of a new buffer. */
const INITIAL_BYTES = 1 << 18;

/**
 * The last slot of a memory: content of a frame, each block directly after the window before it. It grows
 * with the bytes that were added, whatever window a frame announces.
 */
export class HistoryWindow {
  private readonly slot: number;
  private capacity = INITIAL_BYTES;
  private windowBytes = 0;
  /** Bytes in the slot that matches may use. */
  history = 0;

  constructor(private readonly memory: ZstdMemory) {
    this.slot = memory.slot(INITIAL_BYTES);
  }

  /** Begin a frame. */
  start(windowBytes: number): void {
    this.windowBytes = windowBytes;
    this.history = 0;
  }

  /**
   * Return the address for a block of up to `bytes` bytes, after the history; its first `known` bytes are
   * there already, after the block that was added last. @throws PageferryError `limit`
   */
  reserve(bytes: number, known = 0): number {
    const { windowBytes, slot, memory } = this;
    if (this.history + bytes > this.capacity) {
      const most = windowBytes + Math.max(MIN_STEP_BYTES, windowBytes / 4) + bytes;
      if (this.capacity < most) {
        this.capacity = Math.ceil(Math.min(most, 2 * this.capacity + bytes));
        memory.grow(slot + this.capacity);
      }
      if (this.history + bytes > this.capacity) {
        const kept = Math.min(windowBytes, this.history);
        memory.bytes.copyWithin(slot, slot + this.history - kept, slot + this.history + known);
        this.history = kept;
      }
    }
    return slot + this.history;
  }

  /** Add the block of `bytes` bytes that was reserved to the history. */
  add(bytes: number): void {
    this.history += bytes;
  }
}
