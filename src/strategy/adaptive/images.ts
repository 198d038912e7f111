import type { StreamState } from '../strategy.js';
import { type Bottleneck, BottleneckEstimator, backlogsOf } from './bottleneck-estimator.js';
import type { ControlLaw } from './law.js';

/** Law for images over a link of given rate: the link is modelled as a queue that drains at this rate. */
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
    // A slow destination slows the link down: the output still has bytes that the model has sent.
    if (state.destination && state.bytesWaiting !== undefined)
      this.linkFreeAtMs = Math.max(this.linkFreeAtMs, nowMs + state.bytesWaiting / linkBytesPerMs);
    const bottleneck = this.estimator.estimate(state, backlogsOf(state, nowMs, this.linkFreeAtMs, groupsMs));
    this.bytePrice = bottleneck.bytePrice;
    return bottleneck;
  }
}
