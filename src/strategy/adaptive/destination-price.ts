import { pageMs, unpackMs } from '../destination.js';
import type { GroupView, Packing, StreamState } from '../strategy.js';
import { type Bottleneck, coresOf } from './bottleneck-estimator.js';

/** The weight of a choice falls to 1/e in this time or these bytes of image, whichever takes longer. */
const MEMORY_MS = 250;
const MEMORY_BYTES = 16 << 20;
/** Exponent of the price if the destination alone determines the finish time; bounds of the exponent. */
const FINISH_EXPONENT = 14;
const MIN_EXPONENT = Math.log(0.001);
const MAX_EXPONENT = Math.log(300);

/** Ms of each stage for recently chosen groups, and the bytes of image that they cover. */
interface StageTimes {
  bytes: number;
  coresMs: number;
  linkMs: number;
  destinationMs: number;
}

/**
 * Prices a ms of the destination, the third stage after encoder and link. The times of the three stages for
 * recently chosen groups are extrapolated to the rest of the image. The price balances the destination's
 * finish time with the later one of encoder and link.
 */
export class DestinationPrice {
  private readonly recent: StageTimes = { bytes: 0, coresMs: 0, linkMs: 0, destinationMs: 0 };
  private atMs = 0;
  private bytesRead = 0;

  /** Return the value of a ms of the destination in ms of packing; 0 if its speed is unknown. */
  at(state: StreamState, nowMs: number, { linkBacklogMs, bytePrice }: Bottleneck): number {
    const { bytes, coresMs, linkMs, destinationMs } = this.recent;
    if (!state.destination || bytes === 0) return 0;
    const share = state.progress?.share ?? 0;
    // The end of the stream may be unknown: extrapolate as far as the recent bytes reach back.
    const rest = share > 0 ? (this.bytesRead * (1 - share)) / share : MEMORY_BYTES;
    const encoded = nowMs + state.pendingMs / coresOf(state) + (rest * coresMs) / bytes;
    const sent = nowMs + linkBacklogMs + (rest * linkMs) / bytes;
    // Without the destination's queue, which flow control keeps short.
    const processed = nowMs + (rest * destinationMs) / bytes;
    const other = Math.max(encoded, sent);
    const pressure = (processed - other) / Math.max(processed, other, 1);
    const exponent = Math.min(MAX_EXPONENT, Math.max(MIN_EXPONENT, FINISH_EXPONENT * pressure));
    return Math.exp(exponent) * (sent > encoded ? bytePrice : 1);
  }

  /** Record the packing that was chosen for a group. */
  chosen(state: StreamState, nowMs: number, group: GroupView, packing: Packing): void {
    const { recent } = this;
    const { destination, linkBitsPerSecond, floorMsPerMiB = 0 } = state;
    const bytesRead = state.bytesRead ?? this.bytesRead + group.bytes;
    const bytes = Math.max(group.bytes, bytesRead - this.bytesRead);
    // The weight that recent choices keep: by time or by bytes, whichever is more.
    const kept = Math.exp(-Math.min(Math.max(0, nowMs - this.atMs) / MEMORY_MS, bytes / MEMORY_BYTES));
    this.atMs = nowMs;
    this.bytesRead = bytesRead;
    const { expectedMs = 0, expectedBytes = group.bytes } = packing;
    recent.bytes = kept * recent.bytes + bytes;
    recent.coresMs =
      kept * recent.coresMs + (expectedMs + (floorMsPerMiB * bytes) / 2 ** 20) / coresOf(state);
    recent.linkMs = kept * recent.linkMs + (expectedBytes * 8000) / linkBitsPerSecond;
    recent.destinationMs *= kept;
    if (destination)
      recent.destinationMs += pageMs(destination, bytes) + unpackMs(destination, packing.name, group.bytes);
  }
}
