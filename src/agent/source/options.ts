import type { ConnectOptions } from '../../channel/connect.js';
import type { Address } from '../../channel/transports/address.js';
import type { PageferryError } from '../../page/error.js';
import type { BaseImageFile } from '../base-image-file.js';
import type { MeasurePair } from '../direct/advisor.js';
import type { QmpSettings } from '../forecast/forecaster.js';
import type { Log } from '../log.js';
import type { AgentMetrics } from '../metrics.js';
import type { RoundLine } from '../round-stats.js';

/** Options of the agent beside the source's QEMU. */
export interface SourceAgentOptions {
  /** Address that QEMU connects to. */
  readonly listen: Address;
  /** The destination agent. */
  readonly peer: ConnectOptions;
  readonly strategy: string;
  readonly threads: number;
  /** Bytes of sent pages to cache. */
  readonly cacheBytes: number;
  /** Migrations at the same time, which share `cacheBytes`; default 1. */
  readonly maxMigrations?: number;
  /** Largest guest, in bytes. */
  readonly maxGuestBytes: number;
  /**
   * Time after which a new attempt ends a migration that waits for the destination's QEMU; default 60 s. That
   * QEMU may still load the guest, or hang.
   */
  readonly abandonMs?: number;
  /** Limit on what all migrations together send. */
  readonly maxBitsPerSecond?: number | undefined;
  readonly base?: BaseImageFile | undefined;
  /** The monitor of the source's QEMU. */
  readonly qmp?: QmpSettings | undefined;
  /** QEMU may migrate directly, where that is the best mode; with `qmp`. */
  readonly isDirectAllowed?: boolean;
  /** Measures for the choice of the mode; with `isDirectAllowed`. Default: `measurePair`. */
  readonly measure?: MeasurePair;
  readonly log: Log;
  readonly meters: AgentMetrics;
  readonly onRound?: (line: RoundLine) => void;
  /** Called when a migration begins, and at its end: with its error, and that with the guest's state. */
  readonly onBegin?: () => void;
  readonly onEnd?: (error: PageferryError | undefined, message?: string) => void;
}
