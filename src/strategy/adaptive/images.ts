import type { StreamState } from '../strategy.js';
import { type Bottleneck, BottleneckEstimator, backlogsOf } from './bottleneck-estimator.js';
import type { ControlLaw } from './law.js';

/**
 * Law for whole images over a link whose rate is given: the link is modelled as a queue that drains at that
 * rate.
 */
export class ImagesLaw implements ControlLaw {
  readonly name = 'images';
  bytePrice = 1;
  private readonly estimator = new BottleneckEstimator();
  private linkFreeAtMs = 0;
  private bytesSeen = 0;

  estimate(state: StreamState, groupsMs: number): Bottleneck {
    const nowMs = state.elapsedMs();
    const linkBytesPerMs = state.linkBitsPerSecond / 8000;
    this.linkFreeAtMs =
      Math.max(this.linkFreeAtMs, nowMs) + (state.bytesOut - this.bytesSeen) / linkBytesPerMs;
    this.bytesSeen = state.bytesOut;
    // A slow destination holds the link up: what the output did not take yet is still to be sent.
    if (state.destination && state.bytesWaiting !== undefined)
      this.linkFreeAtMs = Math.max(this.linkFreeAtMs, nowMs + state.bytesWaiting / linkBytesPerMs);
    const bottleneck = this.estimator.estimate(state, backlogsOf(state, nowMs, this.linkFreeAtMs, groupsMs));
    this.bytePrice = bottleneck.bytePrice;
    return bottleneck;
  }
}
