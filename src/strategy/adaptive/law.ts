import type { StreamState } from '../strategy.js';
import type { Bottleneck } from './bottleneck-estimator.js';

/** Names of the control laws of `adaptive`. */
export type LawName = 'images' | 'measured-link' | 'live';

/** A control law, which prices a byte by the state of the stream. One object serves one stream. */
export interface ControlLaw {
  readonly name: LawName;
  /** `Bottleneck.bytePrice` of the last `estimate`; 1 before the first. */
  readonly bytePrice: number;
  /** Estimate the present bottleneck. `groupsMs`: time of a few groups on the link. */
  estimate(state: StreamState, groupsMs: number): Bottleneck;
  /** As `Strategy.shouldBypass`. Absent: pages are never bypassed. */
  shouldBypass?(state: StreamState): boolean;
}
