import { type ZstdSet, zstdState } from '../../codec/zstd/load.js';
import type { DestinationSpeed } from '../../strategy/destination.js';
import type { StreamState } from '../../strategy/strategy.js';

/** Link measurements of a channel, for the strategy. */
export interface LinkEstimate {
  readonly bitsPerSecond: number;
  /** Sent bytes that the destination acked. */
  readonly ackedBytes: number;
  /** `StreamState.linkBusyFraction`. */
  readonly waitFraction?: number;
  /** `StreamState.linkBusyRecently`. */
  readonly recentWaitFraction?: number;
  /** Last report of the destination. */
  readonly destination: DestinationSpeed | undefined;
}

/**
 * Progress of one stream: bytes and milliseconds of packing that are done or pending, as the `StreamState` of
 * its strategy.
 */
export class StreamProgress {
  readonly state: StreamState;
  /** Bytes sent, and expected bytes of pending packings. */
  private bytes = 0;
  private pendingMs = 0;

  constructor(threads: number, zstd: ZstdSet, link: () => LinkEstimate) {
    const progress = this;
    const startedAt = performance.now();
    this.state = {
      get linkBitsPerSecond() {
        return link().bitsPerSecond;
      },
      get bytesAcked() {
        return link().ackedBytes;
      },
      get linkBusyFraction() {
        return link().waitFraction;
      },
      get linkBusyRecently() {
        return link().recentWaitFraction;
      },
      get destination() {
        return link().destination;
      },
      get bytesOut() {
        return progress.bytes;
      },
      get pendingMs() {
        return progress.pendingMs;
      },
      threads,
      elapsedMs: () => performance.now() - startedAt,
      handoverMs: () => 0,
      ...zstdState(zstd),
    };
  }

  /**
   * Record packing that starts (positive) or is done (negative); a done one adds the difference to its real
   * size.
   */
  readonly pending = (ms: number, bytes: number): void => {
    this.pendingMs += ms;
    this.bytes += bytes;
  };

  /** Record bytes that are sent uncompressed. */
  add(bytes: number): void {
    this.bytes += bytes;
  }
}
