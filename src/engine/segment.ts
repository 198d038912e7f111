import { packedLz4Capacity } from '../codec/lz4.js';
import type { Kernels } from '../kernels/kernels.js';

/** Room for the bytes of one segment while a frame fills, and where its packed bytes go. Used again for frame after frame. */
export interface SegmentBuffer {
  /** The room itself. */
  readonly bytes: Uint8Array;
  /** Where it stands in the kernels' memory, if it does. */
  readonly address: number | undefined;
  /** For packed bytes. */
  readonly output: Uint8Array;
  /** Bytes in it so far. */
  used: number;
  pages: number;
}

/** Room in the kernels' memory, for packing on this thread. */
export function localSegment(kernels: Kernels, capacity: number): SegmentBuffer {
  const address = kernels.reserve(capacity, 'segment');
  const output = kernels.reserve(packedLz4Capacity(capacity), 'packed segment');
  return {
    bytes: kernels.bytes.subarray(address, address + capacity),
    address,
    output: kernels.bytes.subarray(output, output + packedLz4Capacity(capacity)),
    used: 0,
    pages: 0,
  };
}

/** Room in memory that a worker sees too. */
export function sharedSegment(capacity: number): SegmentBuffer {
  return {
    bytes: new Uint8Array(new SharedArrayBuffer(capacity)),
    address: undefined,
    output: new Uint8Array(new SharedArrayBuffer(packedLz4Capacity(capacity))),
    used: 0,
    pages: 0,
  };
}
