/** Costs of one mode of migration, of the bytes of pages that do not repeat one byte. */
export interface ModeCosts {
  readonly name: string;
  /** Capabilities and parameters of QEMU that select it. */
  readonly settings: string;
  /** Bytes on the wire per byte of pages. */
  readonly wireRatio: number;
  /** Bytes of pages per ms that the hosts send, whatever the link. */
  readonly bytesPerMs: number;
  /** CPU seconds of migration threads and agents, per GiB of pages. */
  readonly cpuSecondsPerGib: number;
  /** Cost of a page that is sent again, as a fraction of one that is sent first. */
  readonly resendCost: number;
  /** Pages are sent again while the guest runs at the destination, never twice. */
  readonly isPostcopy?: true;
}

/**
 * Modes and their measured costs: guests of 512 MiB under emulation on two cores, the table of
 * docs/agent.md. Hosts with more cores send faster; multifd without compression was not measured on a fast
 * link, and counts as plain pre-copy.
 */
export const MODES: readonly ModeCosts[] = [
  {
    ...{ name: 'plain', settings: 'no capability' },
    ...{ wireRatio: 1, bytesPerMs: 220e3, cpuSecondsPerGib: 1, resendCost: 1 },
  },
  {
    ...{ name: 'multifd', settings: 'multifd on' },
    ...{ wireRatio: 1, bytesPerMs: 220e3, cpuSecondsPerGib: 1, resendCost: 1 },
  },
  {
    ...{ name: 'multifd-zstd', settings: 'multifd on, multifd-compression zstd' },
    ...{ wireRatio: 0.28, bytesPerMs: 150e3, cpuSecondsPerGib: 4, resendCost: 1 },
  },
  {
    ...{ name: 'post-copy', settings: 'postcopy-ram on, migrate-start-postcopy after the first round' },
    ...{ wireRatio: 1, bytesPerMs: 220e3, cpuSecondsPerGib: 1, resendCost: 1, isPostcopy: true },
  },
  {
    ...{ name: 'agents', settings: 'migrate to the source agent' },
    ...{ wireRatio: 0.26, bytesPerMs: 110e3, cpuSecondsPerGib: 8, resendCost: 0.5 },
  },
];

/** Fraction of a link's rate that one migration gets. */
export const LINK_EFFICIENCY = 0.93;
/** Connection, device state, and the start at the destination. */
export const FIXED_MS = 300;
/** Downtime of post-copy: device state and the first pages. */
export const POSTCOPY_DOWNTIME_MS = 150;
/** Fraction of a guest's memory that does not repeat one byte, where nothing is known of it. */
export const ASSUMED_DATA_FRACTION = 0.6;
