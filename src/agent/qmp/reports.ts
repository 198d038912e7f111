// Reports of QEMU's monitor, as far as migrations need them.

import { TARGET_PAGE_BYTES } from '../../qemu/format.js';

/** QEMU's report of its guest before a migration. */
export interface QemuFacts {
  readonly version: string;
  readonly status: string;
  readonly guestBytes: number;
  readonly cpus: number;
  /** Whether QEMU emulates the guest's CPUs (TCG) instead of running it with KVM. */
  readonly isEmulated: boolean;
  /** Capabilities that are on. */
  readonly capabilities: ReadonlySet<string>;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly migration: QemuProgress;
}

/** QEMU's report of its migration. */
export interface QemuProgress {
  /** `none`, `active`, `postcopy-active`, `completed`, `failed`. */
  readonly status: string;
  /** Pages that are not sent, and pages sent so far, of which `fills` repeat one byte. */
  readonly remainingPages: number;
  readonly sentPages: number;
  /** Synchronizations of QEMU's dirty bitmap (`dirty-sync-count`). */
  readonly dirtySyncs: number;
  readonly fillPages: number;
  /** Bytes of the migration stream so far. */
  readonly sentBytes: number;
  /** The guest's downtime and the total time of a migration that is completed. */
  readonly downtimeMs: number;
  readonly totalMs: number;
  /** Why it has failed. */
  readonly error: string | undefined;
}

/** One QEMU, as far as it limits the modes of a migration. */
export interface QemuSupport {
  readonly version: string;
  /** Names of the migration capabilities that it knows. */
  readonly capabilities: ReadonlySet<string>;
  /** Methods of `multifd-compression` that it was built with; empty: not known. */
  readonly compressions: ReadonlySet<string>;
}

/** Different pages that the guest wrote in one period. */
export interface DirtySample {
  readonly ms: number;
  readonly pages: number;
}

/** Return the dirty rate of a sample, in bytes a second. */
export function dirtyBytesPerSecond({ ms, pages }: DirtySample): number {
  return (pages * TARGET_PAGE_BYTES * 1000) / ms;
}
