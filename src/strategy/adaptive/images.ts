import type { StreamState } from '../strategy.js';
import type { ControlLaw } from './law.js';

/**
 * Law for whole images over a link whose rate is given: the link is modelled as a queue that drains at that
 * rate.
 */
export class ImagesLaw implements ControlLaw {
  readonly name = 'images';
  private backlogBytes = 0;
  private bytesSeen = 0;
  private seenAtMs = 0;

  linkBacklogMs({ bytesOut, linkBitsPerSecond }: StreamState, nowMs: number): number {
    const bytesPerMs = linkBitsPerSecond / 8000;
    const drained = Math.max(0, this.backlogBytes - (nowMs - this.seenAtMs) * bytesPerMs);
    this.backlogBytes = drained + bytesOut - this.bytesSeen;
    this.bytesSeen = bytesOut;
    this.seenAtMs = nowMs;
    return Math.max(0, this.backlogBytes) / bytesPerMs;
  }
}
