import type { Guest } from './guest.js';
import type { LinkSpec } from './link.js';
import type { Coding } from './page-transfer.js';

/** Resources of one host. */
export interface HostSpec {
  /** Threads that pack (source) or unpack (destination), 1 … 1024. */
  readonly threads: number;
  /** Fraction of a core that each thread gets, 0.001 … 1. */
  readonly share: number;
}

/** Settings of a simulated migration. */
export interface MigrationSettings extends Coding {
  readonly guest: Guest;
  readonly link: LinkSpec;
  readonly source: HostSpec;
  readonly destination: HostSpec;
  /** Downtime, in ms, that rounds aim at. */
  readonly downtimeLimitMs: number;
  /** Whether the channel is TLS 1.3. */
  readonly encrypted: boolean;
  /** Read rate of the storage that both hosts share. */
  readonly storageBytesPerSecond: number;
  /** Whether a guest that writes faster than it is sent is throttled, as QEMU's auto-converge does. */
  readonly autoConverge: boolean;
  /** Aborts the migration. */
  readonly signal?: AbortSignal;
}

/** One round of a migration: from one read of the dirty log to the next. */
export interface Round {
  /** Start and end, in ms of the migration. */
  readonly fromMs: number;
  toMs: number;
  /** Pages sent, and their bytes on the wire. */
  pages: number;
  bytes: number;
  /** Ms in which the slowest of source, link and destination was busy. */
  busyMs: number;
  /** Pages deferred or skipped in this round, by reason. */
  readonly deferred: Record<string, number>;
}
