// A model of the path to the destination's QEMU after BBR (Cardwell, Cheng, Gunn, Yeganeh, Jacobson: "BBR:
// congestion-based congestion control", 2016): bandwidth is the maximum of recent delivery rates, propagation
// the minimum of recent round trips. Unlike BBR the model does not pace: the transport below does. It sets
// the bytes in flight.

import { WindowedMax } from './windowed-max.js';

/** Bytes in flight beyond the path's own length, in time at its rate: they hide pauses of either host. */
const QUEUE_MS = 80;
/** Before the first round trip was measured. */
const START_WINDOW_BYTES = 256 << 10;
/** A delivery rate counts for this time and for this many round trips. */
const RATE_ROUNDS = 4;
const RATE_MS = 1000;
/** Nothing counts longer, however long a queue makes the round trips: buffers that fill take bytes fast. */
const MAX_MS = 1000;
/** Bytes that were delivered beyond the rate widen the window for this time, … */
const BURST_ROUNDS = 8;
const BURST_MS = 1000;
/** … where they are more than the queue, up to this much time at the rate. */
const MAX_BURST_MS = 200;
/** A shorter interval would measure buffers. */
const MIN_INTERVAL_MS = 5;
/** Startup doubles the window in each round trip, until three in a row deliver less than a quarter more. */
const STARTUP_GAIN = 2;
const GROWTH = 1.25;
const FULL_ROUNDS = 3;
/** Window by round trip after startup: one probes for bandwidth, the next drains what the probe queued. */
const PROBE_GAINS = [1.25, 0.75, 1, 1, 1, 1, 1, 1];
const FIRST_PLAIN_GAIN = 2;
const DRAIN_GAIN = 0.75;
/** The propagation is measured again, with half of the path's length in flight, after this time. */
const ROUND_TRIP_EXPIRY_MS = 10_000;
const ROUND_TRIP_GAIN = 0.5;
const ROUND_TRIP_PROBE_MS = 200;
/** In the first of these round trips what was queued before is delivered. */
const PROBE_ROUNDS = 2;

/** State at the time a frame was sent. */
export interface SentMark {
  readonly sentMs: number;
  /** Bytes delivered by then, and when that was. */
  readonly delivered: number;
  readonly deliveredMs: number;
  /** Send time of the frame that was acked last. */
  readonly firstSentMs: number;
  /** The sender had nothing more to send: the rate is only a lower bound. */
  readonly isAppLimited: boolean;
}

type Phase = 'startup' | 'drain' | 'probe-bandwidth' | 'probe-round-trip';

/** Bandwidth and propagation of the path, and the bytes that may be in flight. Times are parameters. */
export class PathModel {
  phase: Phase = 'startup';
  /** Bytes that were acked. */
  delivered = 0;
  /** The shortest recent round trip; 0 before the first. */
  roundTripMs = 0;
  private readonly rates = new WindowedMax(RATE_ROUNDS, RATE_MS, MAX_MS);
  private readonly bursts = new WindowedMax(BURST_ROUNDS, BURST_MS, MAX_MS);
  private deliveredMs = 0;
  private firstSentMs = 0;
  /** Samples of frames that were sent before this count of delivered bytes are limited by the sender. */
  private appLimitedUntil = 0;
  private round = 0;
  private roundEndsAt = 0;
  private fullRate = 0;
  private fullRounds = 0;
  private probeIndex = 0;
  private roundTripMeasuredMs = 0;
  private probingSince: { readonly atMs: number; readonly round: number } | undefined;
  /** The shortest round trip of the current probe. */
  private shortestMs = Infinity;
  private readonly burst = { fromMs: 0, bytes: 0 };

  /** Bytes per ms that the slowest part of the path delivers; undefined before it is measured. */
  get bytesPerMs(): number | undefined {
    return this.rates.value || undefined;
  }

  /** The last round trips delivered more and more: what limited them was the window. */
  get isGrowing(): boolean {
    return this.phase === 'startup' && this.fullRounds === 0;
  }

  /** Bytes that may be in flight. */
  get windowBytes(): number {
    const rate = this.rates.value;
    if (rate === 0) return START_WINDOW_BYTES;
    if (this.phase === 'probe-round-trip') return ROUND_TRIP_GAIN * rate * this.roundTripMs;
    const queueMs = Math.max(QUEUE_MS, Math.min(MAX_BURST_MS, this.bursts.value / rate));
    return this.gain * rate * (this.roundTripMs + queueMs);
  }

  /** Return the mark of a frame that is sent now. `isIdle`: nothing else is in flight. */
  sent(nowMs: number, isIdle: boolean): SentMark {
    if (isIdle) this.firstSentMs = this.deliveredMs = nowMs;
    const { delivered, deliveredMs, firstSentMs } = this;
    const isAppLimited = this.appLimitedUntil > delivered;
    return { sentMs: nowMs, delivered, deliveredMs, firstSentMs, isAppLimited };
  }

  /**
   * Record an ack of `bytes`; `mark` is that of the last frame that they complete, if they complete one.
   * `inFlightBytes` remain; `isAppLimited`: nothing waits to be sent.
   */
  acked(
    nowMs: number,
    bytes: number,
    inFlightBytes: number,
    isAppLimited: boolean,
    mark: SentMark | undefined,
  ): void {
    this.delivered += bytes;
    this.deliveredMs = nowMs;
    if (isAppLimited || this.phase === 'probe-round-trip')
      this.appLimitedUntil = this.delivered + inFlightBytes;
    // In startup the rate is not known yet.
    if (this.phase !== 'startup') this.addBurst(nowMs, bytes);
    if (!mark) return;
    this.firstSentMs = mark.sentMs;
    const isRound = mark.delivered >= this.roundEndsAt;
    if (isRound) {
      this.round++;
      this.roundEndsAt = this.delivered;
    }
    this.addRate(nowMs, mark);
    if (isRound) this.endRound(mark.isAppLimited);
    this.addRoundTrip(nowMs, nowMs - mark.sentMs);
  }

  private get gain(): number {
    if (this.phase === 'startup') return STARTUP_GAIN;
    return this.phase === 'drain' ? DRAIN_GAIN : PROBE_GAINS[this.probeIndex]!;
  }

  private addRate(
    nowMs: number,
    { sentMs, firstSentMs, deliveredMs, delivered, isAppLimited }: SentMark,
  ): void {
    const ms = Math.max(MIN_INTERVAL_MS, nowMs - deliveredMs, sentMs - firstSentMs);
    const rate = (this.delivered - delivered) / ms;
    if (!isAppLimited || rate > this.rates.value) this.rates.add(rate, nowMs, this.round);
  }

  /** Acks that come in bursts need a larger window, or the path is empty between them. */
  private addBurst(nowMs: number, bytes: number): void {
    const { burst } = this;
    const expected = this.rates.value * (nowMs - burst.fromMs);
    if (burst.bytes <= expected) {
      burst.fromMs = nowMs;
      burst.bytes = 0;
      this.bursts.add(bytes, nowMs, this.round);
    } else this.bursts.add(burst.bytes + bytes - expected, nowMs, this.round);
    burst.bytes += bytes;
  }

  private endRound(isAppLimited: boolean): void {
    if (this.phase === 'startup' && !isAppLimited) this.checkFull();
    else if (this.phase === 'drain') this.phase = 'probe-bandwidth';
    else if (this.phase === 'probe-bandwidth') this.probeIndex = (this.probeIndex + 1) % PROBE_GAINS.length;
  }

  private checkFull(): void {
    const rate = this.rates.value;
    if (rate >= this.fullRate * GROWTH) {
      this.fullRate = rate;
      this.fullRounds = 0;
    } else if (++this.fullRounds === FULL_ROUNDS) this.phase = 'drain';
  }

  private addRoundTrip(nowMs: number, ms: number): void {
    const isExpired = nowMs - this.roundTripMeasuredMs > ROUND_TRIP_EXPIRY_MS;
    if (this.roundTripMs === 0 || ms <= this.roundTripMs) {
      this.roundTripMs = ms;
      this.roundTripMeasuredMs = nowMs;
    } else if (this.phase === 'probe-bandwidth' && isExpired) this.phase = 'probe-round-trip';
    if (this.phase === 'probe-round-trip') this.probeRoundTrip(nowMs, ms);
  }

  /** Hold half of the path's length in flight for a while, so that no queue is measured with the path. */
  private probeRoundTrip(nowMs: number, ms: number): void {
    if (!this.probingSince) {
      this.probingSince = { atMs: nowMs, round: this.round };
      this.shortestMs = ms;
    }
    this.shortestMs = Math.min(this.shortestMs, ms);
    const { atMs, round } = this.probingSince;
    if (this.round < round + PROBE_ROUNDS || nowMs - atMs < ROUND_TRIP_PROBE_MS) return;
    this.roundTripMs = this.shortestMs;
    this.roundTripMeasuredMs = nowMs;
    this.probingSince = undefined;
    this.probeIndex = FIRST_PLAIN_GAIN;
    this.phase = 'probe-bandwidth';
  }
}
