import type { Strategy } from '../strategy/strategy.js';
import type { Costs } from './costs.js';
import type { GuestSpec } from './guest.js';
import type { LinkSpec } from './link.js';
import type { HostSpec } from './settings.js';
import type { Technique } from './technique.js';

/** Options of a simulated migration. All but the first three have defaults. */
export interface SimulationOptions {
  readonly guest: GuestSpec;
  readonly technique: Technique | string;
  readonly link: LinkSpec;
  /** Default: the technique's own. With a strategy, dedup finds zero pages and fills before it is called. */
  readonly strategy?: Strategy | string;
  /** Downtime, in ms, that rounds aim at; default 300. */
  readonly downtimeLimitMs?: number;
  /** Seed of the guest, a whole number below 2^32; default 1. */
  readonly seed?: number;
  /** CPU costs; default `MEASURED_COSTS`. */
  readonly costs?: Costs;
  /** Default 2 threads with a whole core each. */
  readonly source?: HostSpec;
  readonly destination?: HostSpec;
  /** Read rate of the shared storage; default 200 MB/s. */
  readonly storageBytesPerSecond?: number;
  /** Throttle a guest that writes faster than it is sent; default false. */
  readonly autoConverge?: boolean;
  /** Aborts the simulation. */
  readonly signal?: AbortSignal;
}
