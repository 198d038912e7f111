import type { StreamState } from '../strategy.js';
import { type Bottleneck, BottleneckEstimator, backlogsOf } from './bottleneck-estimator.js';
import type { ControlLaw } from './law.js';

/** Return the time, in ms of the stream, at which a measured link will have sent all unacknowledged bytes. */
export function measuredLinkFreeAtMs(
  { bytesOut, bytesAcked, linkBitsPerSecond }: StreamState,
  nowMs: number,
): number {
  return nowMs + (bytesOut - bytesAcked!) / (linkBitsPerSecond / 8000);
}

/** Law for a link whose rate is measured: its backlog is the unacknowledged bytes. */
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
