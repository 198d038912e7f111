import { availableParallelism } from 'node:os';
import type { MigrationFacts } from '../advise/facts.js';
import { ASSUMED_MEMORY, RECORDED_CORE_BYTES_PER_MS } from '../advise/modes.js';
import { bootId } from '../measure/boot-id.js';
import type { GuestFacts } from '../measure/guest-facts.js';
import type { PackingSpeed } from '../measure/packing-speed.js';
import type { QemuSupport } from '../qmp/reports.js';
import type { ChannelFacts } from './run-check.js';

/** What is known before a migration between two agents. */
export interface KnownFacts {
  readonly channel: ChannelFacts;
  /** Packing on this host by LZ4. */
  readonly packing: PackingSpeed;
  readonly guestBytes: number;
  readonly downtimeLimitMs: number;
  readonly maxTotalMs?: number | undefined;
  /** The guest, where its QEMU was asked; else it is assumed to be like those of the recorded costs. */
  readonly guest?: GuestFacts | undefined;
  /** The destination's QEMU, where it was asked. */
  readonly destination?: QemuSupport | undefined;
}

const MIN_CPU_FACTOR = 0.1;
const MAX_CPU_FACTOR = 4;
/** Rate of a link that is faster than could be measured. */
const FAST_BITS_PER_SECOND = 1e11;

/** Return the inputs of an advice. Post-copy is a choice of the operator: the capability is on. */
export function migrationFacts(known: KnownFacts): MigrationFacts {
  const { channel, packing, guest, guestBytes, downtimeLimitMs, maxTotalMs, destination } = known;
  const { bitsPerSecond, destination: facts } = channel;
  return {
    ...{ guestBytes, downtimeLimitMs, maxTotalMs, destination },
    memory: guest?.memory ?? ASSUMED_MEMORY,
    dirty: guest?.dirty,
    busyCores: guest?.busyCores,
    isEmulated: guest?.qemu.isEmulated,
    maxBandwidth: guest?.maxBandwidth,
    source: guest?.support,
    linkBitsPerSecond: bitsPerSecond ?? FAST_BITS_PER_SECOND,
    cpuFactor: cpuFactor(packing),
    sourceCores: availableParallelism(),
    destinationCores: facts.cores,
    isOneHost: facts.bootId !== undefined && facts.bootId === bootId(),
    hasAgents: true,
    hasPostcopy: guest?.qemu.capabilities.has('postcopy-ram') ?? false,
  };
}

/** Speed of a core of this host relative to the recorded one. */
export function cpuFactor({ coreBytesPerMs }: PackingSpeed): number {
  return Math.min(MAX_CPU_FACTOR, Math.max(MIN_CPU_FACTOR, coreBytesPerMs / RECORDED_CORE_BYTES_PER_MS));
}
