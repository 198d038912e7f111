import type { DedupLevel } from '../engine/live/page-sender.js';
import type { Strategy } from '../strategy/strategy.js';
import type { LinkSpec } from './link.js';
import type { Migration } from './migration.js';

/** A way to migrate a guest: a plain object. */
export interface Technique {
  readonly name: string;
  /** A line for people. */
  readonly what: string;
  /** Where it was published; what of it is a reconstruction stands in its file's comment. */
  readonly source: string;
  /** How its pages are coded, unless a strategy is asked for; absent: as they are, every one of them whole. */
  readonly strategy?: string | ((on: { readonly link: LinkSpec }) => Strategy | string);
  /** What is looked for before the strategy is asked; `fills` unless said. */
  readonly dedup?: DedupLevel;
  /** Most pages that it keeps as they were sent, in bytes; as much as the guest has unless said. */
  readonly cacheBytes?: number;
  /** Whether its channel is sealed: TLS 1.3, counted in bytes and in work. */
  readonly sealed?: boolean;
  /** Migrates the guest: at its end, the guest runs at the destination and all of its memory is there. */
  migrate(migration: Migration): Promise<void>;
}
