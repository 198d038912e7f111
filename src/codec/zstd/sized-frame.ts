import type { ZstdExports } from '../../kernels/zstd-exports.js';

/** Bytes of the head: magic, descriptor, window, content size in 4 bytes. */
const SIZED_HEAD_BYTES = 10;
const SIZE_IN_4_BYTES = 2 << 6;

/** Parameters of a frame's head. */
export interface FrameStart {
  readonly level: number;
  readonly windowLog: number;
  readonly hasChecksum: boolean;
  /** Bytes that the frame declares, below 2^32. */
  readonly contentBytes: number;
  /** Address of the encoder's scratch, which has to be that of an input as large as the window. */
  readonly scratch: number;
}

/**
 * Begin a frame that is encoded block by block and declares its content size: write its head of 10 bytes to
 * `out`. Return them or a negative STATUS.
 */
export function beginSizedFrame(
  zstd: ZstdExports,
  memory: Uint8Array,
  out: number,
  start: FrameStart,
): number {
  const { level, windowLog, hasChecksum, contentBytes, scratch } = start;
  const begun = zstd.zstdEncodeBegin(out, SIZED_HEAD_BYTES, level, windowLog, hasChecksum ? 1 : 0, scratch);
  if (begun < 0) return begun;
  memory[out + 4]! |= SIZE_IN_4_BYTES;
  new DataView(memory.buffer).setUint32(out + begun, contentBytes, true);
  return SIZED_HEAD_BYTES;
}
