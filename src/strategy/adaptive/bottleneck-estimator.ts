import type { StreamState } from '../strategy.js';

/**
 * The image is extrapolated from here on, whichever is later: its first pages pay for the start of the
 * program.
 */
const PREDICTED_FROM = 0.05;
const PREDICTED_FROM_BYTES = 6 << 20;
/** A smaller fraction of the image predicts too little about its end. */
const MIN_PREDICTIVE_SHARE = 0.001;
/** A smaller fraction keeps its whole weight. */
const MIN_RECENT_SHARE = 0.05;
/**
 * What the extrapolation starts from keeps 1/e of its weight after this time and these bytes of image,
 * whichever is later: link, cores and data may change at any time.
 */
const RECENT_MS = 400;
const RECENT_BYTES = 24 << 20;
/** The most that one step ages it: something has to be left. */
const MAX_AGE = 4;
/** Bounds on the backlog, in ms, that counts as enough work for the link or for the threads. */
const ENOUGH_MS = [70, 500] as const;
/**
 * Exponent of the price at an enough backlog (at most twice that counts), and when only the link is left to
 * finish.
 */
const BACKLOG_EXPONENT = 2.5;
const FINISH_EXPONENT = 12;
/** Lowest price by the backlogs alone: a program that has just started is slow for a while. */
const MIN_BACKLOG_EXPONENT = Math.log(0.4);
/** Lowest price with both signals: it decides for the cheapest packing wherever bytes are worth nothing. */
const MIN_EXPONENT = Math.log(0.02);
/** Exponent of the least price per enough backlog of the threads, and the backlog that counts besides. */
const IDLE_EXPONENT = 4;
const IDLE_BACKLOG = 0.2;

const FAST_BITS_PER_SECOND = 4e9;

/** Which of encoder and link is the bottleneck of a stream, and by how much. */
export interface Bottleneck {
  /** Backlog of the link, in ms, once the threads finish what they have. */
  readonly linkBacklogMs: number;
  /** Ms that the link may idle for one group. */
  readonly graceMs: number;
  /** Value of a millisecond of the link in milliseconds of packing. Above 1 the link is the bottleneck. */
  readonly bytePrice: number;
}

/** Backlogs of link and threads. */
export interface Backlogs {
  /** When they were taken, in ms of the stream. */
  readonly nowMs: number;
  /** When the link will have sent everything it was given, in ms of the stream. */
  readonly linkFreeAtMs: number;
  readonly cpuMs: number;
  readonly linkMs: number;
  /** Backlog that counts as enough. */
  readonly enoughMs: number;
}

/** Whether a stream's link sends uncompressed pages about as fast as they can be read. */
export function isFastLink({ linkBitsPerSecond }: StreamState): boolean {
  return linkBitsPerSecond >= FAST_BITS_PER_SECOND;
}

/** Return the cores that the threads of a stream get: their number where it is not measured. */
export function coresOf({ cores, threads }: StreamState): number {
  return Math.max(0.05, cores ?? threads);
}

/** Return the backlogs of a stream; `groupsMs` is the time that a few groups take on the link. */
export function backlogsOf(
  state: StreamState,
  nowMs: number,
  linkFreeAtMs: number,
  groupsMs: number,
): Backlogs {
  const cpuMs = state.pendingMs / coresOf(state);
  const linkMs = Math.max(0, linkFreeAtMs - nowMs - cpuMs);
  const [minMs, maxMs] = ENOUGH_MS;
  return { nowMs, linkFreeAtMs, cpuMs, linkMs, enoughMs: Math.min(maxMs, Math.max(minMs, groupsMs)) };
}

/**
 * Prices a byte by two signals: the backlogs of link and threads at this moment and, where the image's size
 * is known, the finish times of both extrapolated from the image so far. The further the image, the more the
 * extrapolation counts.
 */
export class BottleneckEstimator {
  private image = -1;
  private last = { ms: 0, share: 0 };
  /** What the extrapolation starts from: the image's start, and later a point that follows. */
  private imageStart = { ms: 0, bytes: 0, share: 0 };

  estimate(state: StreamState, backlogs: Backlogs): Bottleneck {
    const { linkMs: linkBacklogMs, cpuMs, enoughMs } = backlogs;
    const graceMs = enoughMs / 4;
    const pressure = this.finishPressure(state, backlogs.nowMs + cpuMs, backlogs.linkFreeAtMs);
    const backlog = Math.max(-1, Math.min(2, (linkBacklogMs - cpuMs) / enoughMs));
    const now = Math.max(MIN_BACKLOG_EXPONENT, BACKLOG_EXPONENT * backlog);
    if (pressure === undefined) return { linkBacklogMs, graceMs, bytePrice: Math.exp(now) };
    const weight = state.progress!.share;
    const weighted = (1 - weight) * now + weight * FINISH_EXPONENT * pressure;
    // However late the encoder is, packing on idle threads costs little. One thread is never idle.
    const idle = state.threads === 1 ? -Infinity : -IDLE_EXPONENT * (IDLE_BACKLOG + cpuMs / enoughMs);
    const exponent = Math.max(weighted, MIN_EXPONENT, idle);
    return { linkBacklogMs, graceMs, bytePrice: Math.exp(exponent) };
  }

  /**
   * Return how much later the link finishes than the encoder, as a fraction of the later of both: 1 … -1.
   */
  private finishPressure(state: StreamState, encodedAtMs: number, linkFreeAtMs: number): number | undefined {
    const { progress } = state;
    if (!progress) return undefined;
    const { image, share } = progress;
    // The encoder could have used the time in which it waited for the link.
    const workedMs = encodedAtMs - (state.outputWaitMs ?? 0);
    const isCold = share < PREDICTED_FROM || (state.bytesRead ?? Infinity) < PREDICTED_FROM_BYTES;
    if (image !== this.image || isCold) {
      this.image = image;
      this.imageStart = { ms: workedMs, bytes: state.bytesOut, share };
      this.last = this.imageStart;
    }
    this.age(state, workedMs, share);
    const seen = share - this.imageStart.share;
    if (seen < MIN_PREDICTIVE_SHARE) return undefined;
    const linkBytesPerMs = state.linkBitsPerSecond / 8000;
    const remaining = (1 - share) / seen;
    const encodeMs = encodedAtMs + remaining * (workedMs - this.imageStart.ms);
    const sendMs =
      Math.max(linkFreeAtMs, encodedAtMs) +
      (remaining * (state.bytesOut - this.imageStart.bytes)) / linkBytesPerMs;
    return (sendMs - encodeMs) / Math.max(sendMs, encodeMs, 1);
  }

  /** Move the point that the extrapolation starts from towards the present. */
  private age({ bytesOut, bytesRead }: StreamState, ms: number, share: number): void {
    const { imageStart: start, last } = this;
    if (share <= last.share) return;
    // Of a stream that does not count them: bytes that it writes, which are no more.
    const bytes = ((bytesRead ?? bytesOut) * (share - last.share)) / share;
    const age = Math.min(Math.max(0, ms - last.ms) / RECENT_MS, bytes / RECENT_BYTES, MAX_AGE);
    const kept = Math.exp(-age);
    this.last = { ms, share };
    if (share - start.share < MIN_RECENT_SHARE) return;
    this.imageStart = {
      ms: ms - kept * (ms - start.ms),
      bytes: bytesOut - kept * (bytesOut - start.bytes),
      share: share - kept * (share - start.share),
    };
  }
}
