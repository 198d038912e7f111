import type { StreamState } from '../strategy.js';
import type { ControlLaw } from './law.js';

/** Law for a link whose rate is measured: the link's backlog is what it did not acknowledge. */
export class MeasuredLinkLaw implements ControlLaw {
  readonly name = 'measured-link';

  linkBacklogMs({ bytesOut, bytesAcked, linkBitsPerSecond }: StreamState): number {
    return Math.max(0, bytesOut - bytesAcked!) / (linkBitsPerSecond / 8000);
  }
}
