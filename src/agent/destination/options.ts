import type { ListenOptions } from '../../channel/listen.js';
import type { Address } from '../../channel/transports/address.js';
import type { PageferryError } from '../../page/error.js';
import type { BaseImageFile } from '../base-image-file.js';
import type { DirectIncomingOptions } from '../direct/options.js';
import type { Log } from '../log.js';
import type { AgentMetrics } from '../metrics.js';

/** Options of the agent beside the destination's QEMU. */
export interface DestinationAgentOptions {
  /** Address that source agents connect to, and the allowed ones. */
  readonly listen: Omit<ListenOptions, 'onChannel' | 'onRefused'>;
  /** Where QEMU waits for a guest (`-incoming`). `{uuid}` in a path is replaced by the guest's UUID. */
  readonly qemu: Address;
  /** The monitor of that QEMU: the agent has it listen (`-incoming defer`), directly to the source's too. */
  readonly direct?: DirectIncomingOptions | undefined;
  /** Most bytes of received pages to cache; the smaller limit of both agents is used. */
  readonly cacheBytes: number;
  /** Migrations at the same time, which share `cacheBytes`; default 1. */
  readonly maxMigrations?: number;
  /** Largest guest, in bytes. */
  readonly maxGuestBytes: number;
  /** Time until a QEMU that has everything, but has not closed its connections, is logged; default 60 s. */
  readonly closeMs?: number;
  readonly base?: BaseImageFile | undefined;
  readonly log: Log;
  readonly meters: AgentMetrics;
  /** Called when a migration begins, and when it has ended. */
  readonly onBegin?: () => void;
  readonly onEnd?: (error: PageferryError | undefined) => void;
}
