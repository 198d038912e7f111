import type { StreamState } from '../strategy.js';

const MIB = 1 << 20;
/** Link rate, in bit/s, up to which long windows pay. */
const SLOW_BITS_PER_SECOND = 3e8;
/** Link rate, in bit/s, from which on uncompressed pages are sent about as fast as they can be read. */
export const FAST_BITS_PER_SECOND = 4e9;
const NEARLY_DONE = 0.9;
/** Bytes that an encoder has in flight: enough groups for all cores have to fit. */
const IN_FLIGHT_BYTES = 20 * MIB;

/**
 * Returns the bytes of the next segment. Slow links gain from long windows; elsewhere small pieces balance
 * better over threads. The first groups are small, so that the link has work early, and so are the last ones
 * of an image.
 */
export function groupBytes(state: StreamState): number {
  const wanted = state.linkBitsPerSecond <= SLOW_BITS_PER_SECOND ? 8 * MIB : 2 * MIB;
  const most = Math.min(wanted, IN_FLIGHT_BYTES / (0.5 + (state.cores ?? state.threads)));
  const share = state.progress?.share ?? 0;
  return Math.min(most, share > NEARLY_DONE ? 2 * MIB : MIB + state.bytesOut);
}
