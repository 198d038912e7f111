import type { StreamState } from '../strategy.js';

/**
 * Share and bytes of the image from which on it is extrapolated, whichever is later: the first pages include
 * the start of the program.
 */
const PREDICTED_FROM = 0.05;
const PREDICTED_FROM_BYTES = 6 << 20;
/** Minimum share of the image that is extrapolated to its rest. */
const MIN_PREDICTIVE_SHARE = 0.001;
/** Minimum span of the extrapolation, as a share of the image: below it, its start does not move. */
const MIN_RECENT_SHARE = 0.05;
/**
 * The weight of the past falls to 1/e in this time or these bytes of image, whichever takes longer: link,
 * cores and data may change at any time.
 */
const RECENT_MS = 400;
const RECENT_BYTES = 24 << 20;
/** Maximum ageing by one step, so that the past keeps some weight. */
const MAX_AGE = 4;
/** Bounds on the backlog, in ms, that counts as enough work for the link or for the threads. */
const ENOUGH_MS = [70, 500] as const;
/**
 * Exponents of the price: at a link backlog of `enoughMs`, and if the link alone determines the finish time.
 */
const BACKLOG_EXPONENT = 2.5;
const FINISH_EXPONENT = 12;
/** Minimum price by the backlogs alone (a program is slow just after its start), as an exponent. */
const MIN_BACKLOG_EXPONENT = Math.log(0.4);
/** Minimum price with both signals, as an exponent: the cheapest packing is chosen there. */
const MIN_EXPONENT = Math.log(0.02);
/**
 * Lower bound of the price while threads may be idle: exponent at a backlog of the threads of `enoughMs`, and
 * the backlog, in units of `enoughMs`, that is always added.
 */
const IDLE_EXPONENT = 4;
const IDLE_BACKLOG = 0.2;

const FAST_BITS_PER_SECOND = 4e9;
/**
 * Images of one stream are assumed to be snapshots of one guest: after the first, the encoder mostly scans
 * and hashes, and the link sends this share of the first one's bytes. Assuming too little costs little: the
 * next image can be compressed more instead.
 */
const LATER_SHARE = 1 / 4;

/** The bottleneck of a stream, encoder or link, as a price. */
export interface Bottleneck {
  /** Backlog of the link at the time when the threads have finished theirs, in ms. */
  readonly linkBacklogMs: number;
  /** Ms that the link may idle because of one group. */
  readonly graceMs: number;
  /** Value of a ms of the link in ms of packing. Above 1 the link is the bottleneck. */
  readonly bytePrice: number;
}

/** Backlogs of link and threads. */
export interface Backlogs {
  /** Time of the measurement, in ms of the stream. */
  readonly nowMs: number;
  /** Time at which the link will have sent all its bytes, in ms of the stream. */
  readonly linkFreeAtMs: number;
  /** Backlog of the threads, in ms. */
  readonly cpuMs: number;
  /** Backlog of the link at the time when the threads have finished theirs, in ms. */
  readonly linkMs: number;
  /** Backlog that counts as enough. */
  readonly enoughMs: number;
}

/** Return whether the link sends uncompressed pages about as fast as they can be read. */
export function isFastLink({ linkBitsPerSecond }: StreamState): boolean {
  return linkBitsPerSecond >= FAST_BITS_PER_SECOND;
}

/** Return the number of cores that the threads get; the number of threads if it is not measured. */
export function coresOf({ cores, threads }: StreamState): number {
  return Math.max(0.05, cores ?? threads);
}

/** Return the backlogs of a stream. `groupsMs`: time of a few groups on the link. */
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
 * Prices a byte by two signals: the present backlogs of link and threads; and, if the image's size is known,
 * the finish times of both, extrapolated from the image so far. The weight of the second is the share of the
 * image that is encoded.
 */
export class BottleneckEstimator {
  private image = -1;
  private last = { ms: 0, share: 0 };
  /** Start of the extrapolation: the image's start, later a point that moves with the past's weight. */
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
    // Packing on idle threads costs little, however late the encoder is. A single thread is never idle.
    const idle = state.threads === 1 ? -Infinity : -IDLE_EXPONENT * (IDLE_BACKLOG + cpuMs / enoughMs);
    const exponent = Math.max(weighted, MIN_EXPONENT, idle);
    return { linkBacklogMs, graceMs, bytePrice: Math.exp(exponent) };
  }

  /** Return how much later the link finishes than the encoder, relative to the later: -1 … 1. */
  private finishPressure(state: StreamState, encodedAtMs: number, linkFreeAtMs: number): number | undefined {
    const { progress } = state;
    if (!progress) return undefined;
    const { image, share, bytes: imageBytes = 0, laterBytes = 0 } = progress;
    // Without the time in which the encoder waited for the link.
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
    const workMs = workedMs - this.imageStart.ms;
    const bytes = state.bytesOut - this.imageStart.bytes;
    // The images that follow: as a multiple of the extrapolated part, and the ms to scan and hash them.
    const later = laterBytes && imageBytes && laterBytes / imageBytes / seen;
    const scanMs = (laterBytes * (state.floorMsPerMiB ?? 0)) / 2 ** 20 / coresOf(state);
    const encodeMs = encodedAtMs + remaining * workMs + (image > 0 ? later * workMs : scanMs);
    const laterShares = image > 0 ? later : LATER_SHARE * later;
    const sendMs = Math.max(linkFreeAtMs, encodedAtMs) + ((remaining + laterShares) * bytes) / linkBytesPerMs;
    return (sendMs - encodeMs) / Math.max(sendMs, encodeMs, 1);
  }

  /** Move the start of the extrapolation towards the present. */
  private age({ bytesOut, bytesRead }: StreamState, ms: number, share: number): void {
    const { imageStart: start, last } = this;
    if (share <= last.share) return;
    // A stream may not count the bytes that it read; the written bytes are a lower bound.
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
