import type { StreamState } from '../strategy.js';

/** Below this share of an image its beginning says too little about its end. */
const TELLING_SHARE = 0.05;
/** What waits for the link, or for the threads, is plenty when it is worth this long. */
const PLENTY_MS = [100, 500] as const;
/** How much dearer a byte gets, in powers of e, when plenty (at most twice as much) waits for the link, and when the link alone is left to finish. */
const BY_BACKLOG = 2;
const BY_OUTLOOK = 8;
/**
 * Where it is known how long packed bytes wait for the link: so much of the time is enough for the link never to wait itself; the price
 * follows within about so long, between a fifth and fifteen.
 */
const WAITS_ENOUGH = 0.25;
const FOLLOWS_MS = 120;
const FOLLOWED = [Math.log(0.2), Math.log(15)] as const;
/** Elsewhere a byte is never cheaper than this: pages as they are save an encoder little, and bytes are what counts. */
const LEAST = Math.log(0.4);

/** A link that takes pages as they are about as fast as they can be read. */
export const FAST_BITS_PER_SECOND = 4e9;

/** How the two sides of a stream stand: encoder and link. */
export interface Bottleneck {
  /** What waits for the link once the threads are done with what they have, in ms. */
  readonly linkBacklogMs: number;
  /** So long the link may idle for the sake of one group. */
  readonly graceMs: number;
  /** What a millisecond of the link is worth in milliseconds of packing: above 1 the link is the bottleneck. */
  readonly bytePrice: number;
}

/**
 * Watches a stream: the link is a queue that empties at its rate, and so are the threads. Where the image's size is known, both
 * sides' finish is extrapolated from what the image took so far; otherwise their backlogs have to tell.
 */
export class BottleneckEstimator {
  /** As of the last look. */
  bytePrice = 1;
  private freeAtMs = 0;
  private bytesSeen = 0;
  private pressure = 0;
  private followedAtMs = 0;
  private image = -1;
  private imageStart = { ms: 0, bytes: 0 };

  /** Where the stream stands now; `plentyMs` is about what a few groups keep the link busy for. */
  look(state: StreamState, plentyMs: number): Bottleneck {
    const outlook = this.outlook(state, plentyMs);
    this.bytePrice = outlook.bytePrice;
    return outlook;
  }

  private outlook(state: StreamState, plentyMs: number): Bottleneck {
    const linkBytesPerMs = state.linkBitsPerSecond / 8000;
    const now = state.elapsedMs();
    // What is known to wait counts; otherwise the link is a queue that empties at its rate.
    if (state.bytesTaken !== undefined)
      this.freeAtMs = now + (state.bytesOut - state.bytesTaken) / linkBytesPerMs;
    else this.freeAtMs = Math.max(this.freeAtMs, now) + (state.bytesOut - this.bytesSeen) / linkBytesPerMs;
    this.bytesSeen = state.bytesOut;
    const cpuBacklogMs = state.pendingMs / state.threads;
    const linkBacklogMs = Math.max(0, this.freeAtMs - now - cpuBacklogMs);
    const [least, most] = PLENTY_MS;
    const plenty = Math.min(most, Math.max(least, plentyMs));
    if (state.linkWaits !== undefined)
      return { linkBacklogMs, graceMs: plenty / 4, bytePrice: Math.exp(this.followed(state.linkWaits, now)) };
    const pressure = this.extrapolated(state, now + cpuBacklogMs, linkBytesPerMs);
    const backlog = Math.max(-1, Math.min(2, (linkBacklogMs - cpuBacklogMs) / plenty));
    const graceMs = plenty / 4;
    const moment = Math.max(LEAST, BY_BACKLOG * backlog);
    if (pressure === undefined) return { linkBacklogMs, graceMs, bytePrice: Math.exp(moment) };
    // The more of the image is known, the more its outlook counts against the moment.
    const weight = state.progress!.share;
    const outlook = (1 - weight) * moment + weight * BY_OUTLOOK * pressure;
    // However late the encoder is, threads that have nothing to do pack for nothing.
    const mixed = Math.max(outlook, LEAST, -BY_BACKLOG * Math.min(1, cpuBacklogMs / plenty));
    // What bursts on a fast link is gone soon by itself: there, both must call for packing.
    const both = state.linkBitsPerSecond < FAST_BITS_PER_SECOND ? mixed : Math.min(mixed, moment);
    return { linkBacklogMs, graceMs, bytePrice: Math.exp(both) };
  }

  /** Raises the price while what is packed waits for the link, and lowers it while the link waits. */
  private followed(linkWaits: number, now: number): number {
    const moves =
      linkWaits > WAITS_ENOUGH
        ? (linkWaits - WAITS_ENOUGH) / (1 - WAITS_ENOUGH)
        : linkWaits / WAITS_ENOUGH - 1;
    const passedMs = Math.min(FOLLOWS_MS, now - this.followedAtMs);
    this.followedAtMs = now;
    this.pressure = Math.min(
      FOLLOWED[1],
      Math.max(FOLLOWED[0], this.pressure + (moves * passedMs) / FOLLOWS_MS),
    );
    return this.pressure;
  }

  /** How much later the link finishes than the encoder, as a share of the later of both: 1 … -1. */
  private extrapolated(state: StreamState, encodedAtMs: number, linkBytesPerMs: number): number | undefined {
    const { progress } = state;
    if (!progress) return undefined;
    if (progress.image !== this.image) {
      this.image = progress.image;
      this.imageStart = { ms: encodedAtMs, bytes: state.bytesOut };
    }
    if (progress.share < TELLING_SHARE) return undefined;
    const toCome = (1 - progress.share) / progress.share;
    const encodeMs = encodedAtMs + toCome * (encodedAtMs - this.imageStart.ms);
    const sendMs =
      Math.max(this.freeAtMs, encodedAtMs) +
      (toCome * (state.bytesOut - this.imageStart.bytes)) / linkBytesPerMs;
    return (sendMs - encodeMs) / Math.max(sendMs, encodeMs, 1);
  }
}
