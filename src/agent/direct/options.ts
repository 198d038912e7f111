import type { Address } from '../../channel/transports/address.js';
import type { PageferryError } from '../../page/error.js';
import type { Log } from '../log.js';
import type { AgentMetrics } from '../metrics.js';

/** The destination's QEMU for direct migrations. */
export interface DirectIncomingOptions {
  /** Its monitor. */
  readonly qmp: Address;
  /** Where it listens; undefined: no direct migrations, only `migrate-incoming` for the agents. */
  readonly listen?: Address | undefined;
}

/** Options of a destination agent that direct migrations use. */
export interface IncomingAgentOptions {
  readonly direct?: DirectIncomingOptions | undefined;
  readonly log: Log;
  readonly meters: AgentMetrics;
  readonly onBegin?: () => void;
  readonly onEnd?: (error: PageferryError | undefined) => void;
}
