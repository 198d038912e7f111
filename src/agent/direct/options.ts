import type { Address } from '../../channel/transports/address.js';

/** The destination's QEMU for direct migrations. */
export interface DirectIncomingOptions {
  /** Its monitor. */
  readonly qmp: Address;
  /** Where it listens; undefined: no direct migrations, only `migrate-incoming` for the agents. */
  readonly listen?: Address | undefined;
}
