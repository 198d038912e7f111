import type { Guest } from './guest.js';
import type { LinkSpec } from './link.js';
import type { Coding } from './page-transfer.js';

/** One of the two hosts. */
export interface HostSpec {
  /** Threads that pack, or that unpack. */
  readonly threads: number;
  /** Share of a core that each gets: guests need theirs. */
  readonly share: number;
}

/** What a migration is played with. */
export interface MigrationSettings extends Coding {
  readonly guest: Guest;
  readonly link: LinkSpec;
  readonly source: HostSpec;
  readonly destination: HostSpec;
  readonly downtimeLimitMs: number;
  /** Whether the channel is TLS 1.3. */
  readonly sealed: boolean;
  /** Bytes a second that the destination reads from the storage that both hosts share. */
  readonly storageBytesPerSecond: number;
  /** Whether a guest that is written to faster than it is sent is slowed down, as QEMU's auto-converge does. */
  readonly autoConverge: boolean;
}

/** What happened between one look at the dirty log and the next. */
export interface Round {
  readonly fromMs: number;
  toMs: number;
  pages: number;
  bytes: number;
  /** How long its pages kept the slowest of source, link and destination busy. */
  busyMs: number;
  /** Not sent in this round, by reason. */
  readonly left: Record<string, number>;
}
