import type { StreamState } from '../strategy.js';

/** Names of the control laws of `adaptive`. */
export type LawName = 'images' | 'measured-link' | 'live';

/** A control law: what a stream knows of its link. One object serves one stream. */
export interface ControlLaw {
  readonly name: LawName;
  /** Returns the ms until the link has sent everything it was given. */
  linkBacklogMs(state: StreamState, nowMs: number): number;
  /**
   * Returns the value of a ms of the link in ms of all cores. Absent: the one at which cores and link finish
   * together.
   */
  priceAt?(state: StreamState, nowMs: number): number;
  /** As `Strategy.shouldBypass`. Absent: pages are never bypassed. */
  shouldBypass?(state: StreamState): boolean;
}
