import type { DedupLevel } from '../engine/live/page-sender.js';
import type { Strategy } from '../strategy/strategy.js';
import type { LinkSpec } from './link.js';
import type { Migration } from './migration.js';

/** A migration technique. */
export interface Technique {
  readonly name: string;
  /** Summary in one line. */
  readonly summary: string;
  /** Publication. The comment of each built-in technique names the parts that are a reconstruction. */
  readonly reference: string;
  /** Strategy, unless the simulation sets one. Absent: every page is sent whole, without dedup. */
  readonly strategy?: string | ((on: { readonly link: LinkSpec }) => Strategy | string);
  /** Dedup before the strategy is called; default `zero`. */
  readonly dedup?: DedupLevel;
  /** Bytes of the cache of sent pages; default the guest's memory. */
  readonly cacheBytes?: number;
  /** Whether the channel is TLS 1.3, counted in bytes and in CPU time; default false. */
  readonly encrypted?: boolean;
  /**
   * Migrate the guest. When it resolves, the guest runs at the destination and all of its memory is there.
   */
  migrate(migration: Migration): Promise<void>;
}
