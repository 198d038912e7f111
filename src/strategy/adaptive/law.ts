import type { StreamState } from '../strategy.js';
import type { Bottleneck } from './bottleneck-estimator.js';

/** Names of the control laws of `adaptive`. */
export type LawName = 'images' | 'measured-link' | 'live';

/** A control law: prices a byte from the state of the stream. One object serves one stream. */
export interface ControlLaw {
  readonly name: LawName;
  /** Price at the last `estimate`; 1 before it. */
  readonly bytePrice: number;
  /** Estimate the bottleneck now; `groupsMs` is the time that a few groups take on the link. */
  estimate(state: StreamState, groupsMs: number): Bottleneck;
  /** As `Strategy.shouldBypass`. Absent: pages are never bypassed. */
  shouldBypass?(state: StreamState): boolean;
}
