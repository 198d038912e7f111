import { packedLz4Capacity } from '../../codec/lz4.js';
import type { Slots } from '../../kernels/arena.js';
import { LAYOUT } from '../../kernels/layout.generated.js';

/**
 * The buffers of one segment: its bytes while a frame is filled, and its packed bytes. Reused frame after
 * frame.
 */
export class SegmentBuffer {
  /** The whole buffer, in the kernels' memory at `address`. */
  bytes!: Uint8Array;
  readonly address: number;
  /** The buffer for packed bytes. */
  output!: Uint8Array;
  /** Bytes and pages in the segment. */
  used = 0;
  pages = 0;
  private sharedBuffers: SharedSegment | undefined;

  constructor(
    slots: Slots,
    private readonly capacity: number,
    option?: string,
  ) {
    const packedCapacity = packedLz4Capacity(capacity);
    this.address = slots.slot('segment', capacity, option);
    const output = slots.slot('packed segment', packedCapacity, option);
    slots.onAllocate(() => {
      const { bytes } = slots.kernels;
      this.bytes = bytes.subarray(this.address, this.address + capacity);
      this.output = bytes.subarray(output, output + packedCapacity);
    });
  }

  /** Buffers of the same sizes that worker threads can access, created when first needed. */
  get shared(): SharedSegment {
    this.sharedBuffers ??= {
      input: new SharedArrayBuffer(this.capacity),
      output: new SharedArrayBuffer(packedLz4Capacity(this.capacity)),
    };
    return this.sharedBuffers;
  }
}

export interface SharedSegment {
  readonly input: SharedArrayBuffer;
  readonly output: SharedArrayBuffer;
}

/** One page in 16 is profiled for the estimate of a segment. */
const SAMPLE_EVERY = 16;

/**
 * Return a function that estimates the share of a segment's bytes that an LZ codec would leave, 0 … 1, from a
 * sample of its pages.
 */
export function createEstimate(slots: Slots, pageBytes: number): (segment: SegmentBuffer) => number {
  const { kernels } = slots;
  const profile = slots.slot('profile', LAYOUT.PROFILE_BYTES);
  const field = (profile + LAYOUT.PROFILE_ESTIMATED_BYTES) >>> 2;
  return ({ address, used }) => {
    const { run, words } = kernels;
    let estimated = 0;
    let sampled = 0;
    for (let at = 0; at + pageBytes <= used; at += SAMPLE_EVERY * pageBytes) {
      run.profilePage(address + at, 0, pageBytes, profile);
      estimated += words[field]!;
      sampled += pageBytes;
    }
    return sampled === 0 ? 1 : estimated / sampled;
  };
}
