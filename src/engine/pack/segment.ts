import { packedLz4Capacity } from '../../codec/lz4.js';
import type { Kernels } from '../../kernels/kernels.js';

/** Room for the bytes of one segment while a frame fills, and where its packed bytes go. Used again for frame after frame. */
export interface SegmentBuffer {
  /** The room itself, and where it stands in the kernels' memory. */
  readonly bytes: Uint8Array;
  readonly address: number;
  /** For packed bytes. */
  readonly output: Uint8Array;
  /** Bytes and pages in it so far. */
  used: number;
  pages: number;
  /** The same rooms where a worker sees them, made when one is needed. */
  shared?: { readonly input: SharedArrayBuffer; readonly output: SharedArrayBuffer };
}

export function createSegment(kernels: Kernels, capacity: number): SegmentBuffer {
  const packed = packedLz4Capacity(capacity);
  const address = kernels.reserve(capacity, 'segment');
  const output = kernels.reserve(packed, 'packed segment');
  return {
    bytes: kernels.bytes.subarray(address, address + capacity),
    address,
    output: kernels.bytes.subarray(output, output + packed),
    used: 0,
    pages: 0,
  };
}

/** A segment's rooms in memory that a worker sees too. */
export function sharedRoom(segment: SegmentBuffer): NonNullable<SegmentBuffer['shared']> {
  segment.shared ??= {
    input: new SharedArrayBuffer(segment.bytes.length),
    output: new SharedArrayBuffer(segment.output.length),
  };
  return segment.shared;
}

/** One page in so many is looked at, for an estimate of its segment. */
const SAMPLED = 16;

/** Estimates, from some of its pages, what share of a segment of pages an LZ-class encoding would leave. */
export function createEstimate(
  { run, words, reserve }: Kernels,
  pageBytes: number,
): (segment: SegmentBuffer) => number {
  const profile = reserve(run.PROFILE_BYTES.value, 'profile');
  const field = (profile + run.PROFILE_ESTIMATED_BYTES.value) >>> 2;
  return ({ address, used }) => {
    let estimated = 0;
    let looked = 0;
    for (let at = 0; at + pageBytes <= used; at += SAMPLED * pageBytes) {
      run.profilePage(address + at, 0, pageBytes, profile);
      estimated += words[field]!;
      looked += pageBytes;
    }
    return looked === 0 ? 1 : estimated / looked;
  };
}
