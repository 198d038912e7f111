import type { StreamState } from '../strategy.js';
import { type Bottleneck, backlogsOf } from './bottleneck-estimator.js';
import type { ControlLaw } from './law.js';
import { measuredLinkFreeAtMs } from './measured-link.js';

/** Target of `linkBusyFraction`: low, but the link never runs out of work. */
const TARGET_BUSY = 0.25;
/** Ms in which the price changes by a factor of e at full error; bounds of its exponent (prices 0.2 … 15). */
const INTEGRATION_MS = 120;
const MIN_EXPONENT = Math.log(0.2);
const MAX_EXPONENT = Math.log(15);
/** Bypass starts below this price and this busy fraction. */
const BYPASS_MAX_PRICE = 0.25;
const BYPASS_START_BUSY = 0.05;
/** At any price, bypass also starts once nothing has waited for the link for this time (the quiet time). */
const QUIET_MS = 30;
/** Maximum time between two batches that counts as quiet: without batches nothing can wait. */
const MAX_BATCH_MS = 60;
/** Bypass ends at this busy fraction. */
const BYPASS_END_BUSY = 0.3;
/** A bypass shorter than this did not pay: the next one needs twice the quiet time, up to the maximum. */
const MIN_BYPASS_MS = 2000;
const MAX_QUIET_MS = 1000;

/**
 * Law for live guests, whose flow control keeps every queue short. An integral controller raises the price
 * while packed bytes wait for the link more than a quarter of the time, and lowers it while they wait less.
 * While hardly anything waits for the link, batches bypass coding; that starts within 100 ms after the last
 * wait.
 */
export class LiveLaw implements ControlLaw {
  readonly name = 'live';
  bytePrice = 1;
  private exponent = 0;
  private updatedAtMs = 0;
  private isBypassing = false;
  private bypassingSinceMs = 0;
  private askedAtMs = 0;
  private quietMs = 0;
  private neededQuietMs = QUIET_MS;

  estimate(state: StreamState, groupsMs: number): Bottleneck {
    const nowMs = state.elapsedMs();
    const freeAtMs = measuredLinkFreeAtMs(state, nowMs);
    const { linkMs, enoughMs } = backlogsOf(state, nowMs, freeAtMs, groupsMs);
    this.integrate(state.linkBusyFraction!, nowMs);
    this.bytePrice = Math.exp(this.exponent);
    return { linkBacklogMs: linkMs, graceMs: enoughMs / 4, bytePrice: this.bytePrice };
  }

  shouldBypass(state: StreamState): boolean {
    const { bytePrice } = this.estimate(state, 0);
    const busy = state.linkBusyFraction!;
    const nowMs = state.elapsedMs();
    const isQuiet = this.isQuiet(state.linkBusyRecently, nowMs);
    if (!this.isBypassing) {
      this.isBypassing = isQuiet || (bytePrice < BYPASS_MAX_PRICE && busy < BYPASS_START_BUSY);
      if (this.isBypassing) this.bypassingSinceMs = nowMs;
      // The lower of both: the long average may include time before the bypass.
    } else if (Math.min(busy, state.linkBusyRecently ?? busy) >= BYPASS_END_BUSY) {
      this.isBypassing = false;
      const hasPaid = nowMs - this.bypassingSinceMs >= MIN_BYPASS_MS;
      this.neededQuietMs = hasPaid ? QUIET_MS : Math.min(MAX_QUIET_MS, 2 * this.neededQuietMs);
      this.quietMs = 0;
    }
    return this.isBypassing;
  }

  /** Return whether nothing has waited for the link for the needed quiet time, while batches were sent. */
  private isQuiet(busyRecently: number | undefined, nowMs: number): boolean {
    const passedMs = nowMs - this.askedAtMs;
    this.askedAtMs = nowMs;
    const isQuiet = busyRecently !== undefined && busyRecently < BYPASS_START_BUSY;
    this.quietMs = isQuiet && passedMs <= MAX_BATCH_MS ? this.quietMs + passedMs : 0;
    return this.quietMs >= this.neededQuietMs;
  }

  /** Update the exponent of the price by the error of the busy fraction. */
  private integrate(busy: number, nowMs: number): void {
    const error = busy > TARGET_BUSY ? (busy - TARGET_BUSY) / (1 - TARGET_BUSY) : busy / TARGET_BUSY - 1;
    const passedMs = Math.min(INTEGRATION_MS, nowMs - this.updatedAtMs);
    this.updatedAtMs = nowMs;
    const exponent = this.exponent + (error * passedMs) / INTEGRATION_MS;
    this.exponent = Math.min(MAX_EXPONENT, Math.max(MIN_EXPONENT, exponent));
  }
}
