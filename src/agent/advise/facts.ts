import type { DirtySample, QemuSupport } from '../qmp/reports.js';

/** A sample of the guest's memory. */
export interface MemorySample {
  /** Bytes of memory that were read; 0: assumed values. */
  readonly bytes: number;
  /** Fraction of the pages that do not repeat one byte. */
  readonly dataFraction: number;
  /** Packed bytes of those pages, as a fraction, by LZ4 and by zstd's level 1. */
  readonly lz4Ratio: number;
  readonly zstdRatio: number;
}

/** Inputs of an advice. */
export interface MigrationFacts {
  readonly guestBytes: number;
  readonly memory: MemorySample;
  readonly linkBitsPerSecond: number;
  /** Pages that the guest writes in a period; undefined: not known. */
  readonly dirty: DirtySample | undefined;
  readonly downtimeLimitMs: number;
  /** Limit on the total time, in ms. */
  readonly maxTotalMs?: number | undefined;
  /** QEMU's `max-bandwidth` in bytes a second, where the operator has set it. */
  readonly maxBandwidth?: number | undefined;
  /** Speed of a core of this host, as a fraction of those of the host on which the costs were recorded. */
  readonly cpuFactor: number;
  readonly sourceCores: number;
  readonly destinationCores: number;
  /** Cores of the source that the guest and other processes use while nothing is migrated. */
  readonly busyCores?: number | undefined;
  /** Whether QEMU emulates the guest's CPUs (TCG). */
  readonly isEmulated?: boolean | undefined;
  /** Both QEMUs run on one host, and share its cores. */
  readonly isOneHost?: boolean;
  /** The QEMUs; undefined: not known, and taken for able. */
  readonly source?: QemuSupport | undefined;
  readonly destination?: QemuSupport | undefined;
  readonly hasAgents: boolean;
  /** Whether post-copy may be used: a link that is lost after the switch pauses the guest until recovery. */
  readonly hasPostcopy: boolean;
}
