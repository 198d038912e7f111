import type { QemuSupport } from '../qmp/reports.js';
import { type MigrationSettings, UNLIMITED_BANDWIDTH } from '../qmp/settings.js';
import type { MigrationFacts } from './facts.js';
import type { ModeCosts } from './modes.js';

const MIN_CHANNELS = 2;
const MAX_CHANNELS = 8;

/** Capabilities of each mode; the others stay unchanged. */
const CAPABILITIES: Readonly<Record<ModeCosts['name'], Readonly<Record<string, boolean>>>> = {
  plain: { multifd: false, 'postcopy-ram': false },
  multifd: { multifd: true, 'postcopy-ram': false, xbzrle: false },
  'multifd-zstd': { multifd: true, 'postcopy-ram': false, xbzrle: false },
  'post-copy': { multifd: false, 'postcopy-ram': true },
  agents: {},
};

/** Return the settings of a mode. Both QEMUs need the capabilities and the parameters of multifd. */
export function settingsOf({ name, level }: ModeCosts, facts: MigrationFacts): MigrationSettings {
  const { source, destination, maxBandwidth, downtimeLimitMs } = facts;
  const knows = (capability: string) =>
    [source, destination].every((qemu) => qemu === undefined || qemu.capabilities.has(capability));
  const wanted = { ...CAPABILITIES[name], 'return-path': true };
  return {
    // A capability that a QEMU does not know cannot be on.
    capabilities: Object.fromEntries(Object.entries(wanted).filter(([key]) => knows(key))),
    parameters: {
      ...(maxBandwidth === undefined && { 'max-bandwidth': UNLIMITED_BANDWIDTH }),
      ...(Number.isFinite(downtimeLimitMs) && { 'downtime-limit': Math.round(downtimeLimitMs) }),
      ...(CAPABILITIES[name].multifd && {
        'multifd-channels': channelsOf(facts),
        'multifd-compression': level === undefined ? 'none' : 'zstd',
      }),
      ...(level !== undefined && { 'multifd-zstd-level': level }),
    },
  };
}

/** Number of multifd's channels: the cores of the smaller host, within limits. */
export function channelsOf({ sourceCores, destinationCores }: MigrationFacts): number {
  return Math.min(MAX_CHANNELS, Math.max(MIN_CHANNELS, Math.min(sourceCores, destinationCores)));
}

/** Return the reason why a mode cannot be used, or undefined if it can. */
export function exclusionOf({ name }: ModeCosts, facts: MigrationFacts): string | undefined {
  if (name === 'agents') return facts.hasAgents ? undefined : 'no agents';
  if (name === 'plain') return undefined;
  if (name === 'post-copy' && !facts.hasPostcopy) return 'postcopy-ram is off at the source';
  const { source, destination } = facts;
  const capability = name === 'post-copy' ? 'postcopy-ram' : 'multifd';
  const lacks = ({ capabilities, compressions }: QemuSupport) =>
    !capabilities.has(capability)
      ? capability
      : name === 'multifd-zstd' && compressions.size > 0 && !compressions.has('zstd')
        ? 'multifd-compression zstd'
        : undefined;
  for (const [host, qemu] of [
    ['source', source],
    ['destination', destination],
  ] as const) {
    const lacking = qemu && lacks(qemu);
    if (lacking) return `QEMU ${qemu.version} at the ${host} has no ${lacking}`;
  }
  // Channels of different releases need settings of the machine type, which cannot be read.
  if (capability === 'multifd' && source && destination && source.version !== destination.version)
    return `QEMU ${source.version} and ${destination.version} differ`;
  return undefined;
}
