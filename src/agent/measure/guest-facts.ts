import { PageferryError } from '../../page/error.js';
import type { MemorySample } from '../advise/facts.js';
import { ASSUMED_MEMORY } from '../advise/modes.js';
import type { QemuMonitor } from '../qmp/monitor.js';
import type { DirtySample, QemuFacts, QemuSupport } from '../qmp/reports.js';
import { maxBandwidth } from '../qmp/settings.js';
import { LoadMeter } from './load-meter.js';
import { sampleMemory } from './memory-sample.js';

const DEFAULT_DOWNTIME_MS = 300;
const MIN_PAGES = 1000;

/** A running guest, as its QEMU reports it and a sample of its memory shows. */
export interface GuestFacts {
  readonly qemu: QemuFacts;
  readonly support: QemuSupport;
  readonly memory: MemorySample;
  readonly dirty: DirtySample | undefined;
  /** Cores of this host in use while the guest runs, the guest's own included; undefined: not known. */
  readonly busyCores: number | undefined;
  readonly downtimeLimitMs: number;
  /** `max-bandwidth`, where the operator has set it. */
  readonly maxBandwidth: number | undefined;
  /** Whether QEMU encrypts its migrations: `tls-creds` is set. */
  readonly hasTls: boolean;
}

/**
 * Read a guest through the monitor of its QEMU; about a second, in which the guest runs. @throws
 * PageferryError
 */
export async function readGuest(
  monitor: QemuMonitor,
  signal: AbortSignal,
  onNote: (message: string) => void,
): Promise<GuestFacts> {
  const qemu = await monitor.facts();
  if (qemu.guestBytes === 0)
    throw new PageferryError('unsupported', 'QEMU reports no guest memory (query-memory-size-summary)');
  const load = new LoadMeter();
  const dirty = await dirtySample(monitor, signal, onNote);
  const busyCores = load.busyCores();
  return {
    ...{ qemu, dirty, busyCores, memory: await memoryOf(monitor, qemu), support: await monitor.support() },
    downtimeLimitMs: Number(qemu.parameters['downtime-limit']) || DEFAULT_DOWNTIME_MS,
    maxBandwidth: maxBandwidth(qemu.parameters),
    hasTls: Boolean(qemu.parameters['tls-creds']),
  };
}

/** The dirty rate; a QEMU that does not measure it is noted. */
async function dirtySample(
  monitor: QemuMonitor,
  signal: AbortSignal,
  onNote: (message: string) => void,
): Promise<DirtySample | undefined> {
  try {
    return await monitor.dirtySample(signal);
  } catch (cause) {
    if (signal.aborted || !(cause instanceof PageferryError) || !monitor.isOpen) throw cause;
    onNote(`the dirty rate is not known: ${cause.message}`);
    return undefined;
  }
}

/** From a sample, else what the last migration of this QEMU shows, else assumed. */
async function memoryOf(monitor: QemuMonitor, { guestBytes, migration }: QemuFacts): Promise<MemorySample> {
  const sample = await sampleMemory(monitor, guestBytes);
  if (sample) return sample;
  const { sentPages, fillPages } = migration;
  if (sentPages < MIN_PAGES) return ASSUMED_MEMORY;
  return { ...ASSUMED_MEMORY, dataFraction: Math.max(0.01, 1 - fillPages / sentPages) };
}
