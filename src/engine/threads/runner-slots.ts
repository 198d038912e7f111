import type { CodecContext } from '../../codec/codec.js';
import { segmentBufferBytes } from '../../codec/zstd/segment.js';
import type { Slots } from '../../kernels/arena.js';

/** Bytes of the buffer `block`: one LZ4 block, and the largest page. */
export const BLOCK_BYTES = 65536;

/** Addresses of one thread's memory: the codecs' scratch, and buffers. */
export interface RunnerSlots extends Omit<CodecContext, 'kernels'> {
  /** Buffer of BLOCK_BYTES bytes. */
  readonly block: number;
  /** Buffer of a segment, for zstd. */
  readonly segment: number;
  /** 16 bytes for a check. */
  readonly check: number;
}

/** Declare the memory of one thread. `segmentBytes`: the largest segment that it packs. */
export function declareRunner(slots: Slots, codec: CodecContext, segmentBytes: number): RunnerSlots {
  const { kernels, ...scratch } = codec;
  return {
    ...scratch,
    block: slots.slot('block', BLOCK_BYTES),
    segment: slots.slot('segment', segmentBufferBytes(segmentBytes), 'threads'),
    check: slots.slot('check', 16),
  };
}
