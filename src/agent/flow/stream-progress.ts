import type { Zstd } from '../../codec/zstd.js';
import type { StreamState } from '../../strategy/strategy.js';

/** What a channel knows of its link. */
export interface LinkView {
  readonly bitsPerSecond: number;
  /** Bytes that were taken, of those that were sent. */
  readonly takenBytes: number;
  /** As `StreamState.linkBusyFraction`. */
  readonly waits?: number;
}

/** What is being coded for a channel and what it came to: how the stream stands, as its strategy is told. */
export class StreamProgress {
  readonly state: StreamState;
  /** Of everything that was coded or is being coded. */
  private bytes = 0;
  private ms = 0;

  constructor(threads: number, zstd: Zstd | undefined, link: () => LinkView) {
    const planned = this;
    const startedAt = performance.now();
    this.state = {
      get linkBitsPerSecond() {
        return link().bitsPerSecond;
      },
      get bytesAcked() {
        return link().takenBytes;
      },
      get linkBusyFraction() {
        return link().waits;
      },
      get bytesOut() {
        return planned.bytes;
      },
      get pendingMs() {
        return planned.ms;
      },
      threads,
      elapsedMs: () => performance.now() - startedAt,
      handoverMs: () => 0,
      hasZstd: zstd !== undefined,
      zstdName: zstd?.name,
    };
  }

  /** Packing that starts (positive) or is done (negative); in the end, the bytes that it became. */
  readonly pending = (ms: number, bytes: number): void => {
    this.ms += ms;
    this.bytes += bytes;
  };

  /** Bytes that are sent as they are. */
  add(bytes: number): void {
    this.bytes += bytes;
  }
}
