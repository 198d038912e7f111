import type { StreamState } from '../strategy.js';
import { type Bottleneck, BottleneckEstimator, backlogsOf } from './bottleneck-estimator.js';
import type { ControlLaw } from './law.js';

/** Return when a measured link will have sent what it did not acknowledge yet, in ms of the stream. */
export function measuredLinkFreeAtMs(
  { bytesOut, bytesAcked, linkBitsPerSecond }: StreamState,
  nowMs: number,
): number {
  return nowMs + (bytesOut - bytesAcked!) / (linkBitsPerSecond / 8000);
}

/** Law for a link whose rate is measured: the link's backlog is what it did not acknowledge. */
export class MeasuredLinkLaw implements ControlLaw {
  readonly name = 'measured-link';
  bytePrice = 1;
  private readonly estimator = new BottleneckEstimator();

  estimate(state: StreamState, groupsMs: number): Bottleneck {
    const nowMs = state.elapsedMs();
    const bottleneck = this.estimator.estimate(
      state,
      backlogsOf(state, nowMs, measuredLinkFreeAtMs(state, nowMs), groupsMs),
    );
    this.bytePrice = bottleneck.bytePrice;
    return bottleneck;
  }
}
