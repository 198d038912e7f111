import { TARGET_PAGE_BYTES } from '../../qemu/format.js';
import { forecast } from '../forecast/forecast.js';
import type { MigrationSettings } from '../qmp/settings.js';
import type { MigrationFacts } from './facts.js';
import { EMULATED_MS, FIXED_MS, LINK_EFFICIENCY, type ModeCosts, POSTCOPY_DOWNTIME_MS } from './modes.js';
import { channelsOf, settingsOf } from './settings.js';

const GIB = 2 ** 30;

/** Expected result of one mode. */
export interface ModeEstimate {
  readonly mode: ModeCosts['name'];
  readonly settings: MigrationSettings;
  readonly totalMs: number;
  readonly downtimeMs: number;
  /** Undefined: the dirty rate is not known. */
  readonly converges: boolean | undefined;
  /** Bytes of the first round on the wire. */
  readonly firstRoundBytes: number;
  /** CPU seconds of both hosts. */
  readonly cpuSeconds: number;
  /** Bottleneck of the first round. */
  readonly bottleneck: 'link' | 'hosts';
}

/** Estimate one mode. */
export function estimateMode(mode: ModeCosts, facts: MigrationFacts): ModeEstimate {
  const { guestBytes, memory, linkBitsPerSecond, dirty, downtimeLimitMs, maxBandwidth } = facts;
  const dataBytes = guestBytes * memory.dataFraction;
  const firstRoundBytes = dataBytes * mode.wireRatio(memory);
  const linkMs = firstRoundBytes / ((LINK_EFFICIENCY * linkBitsPerSecond) / 8000);
  // QEMU counts what it writes: with multifd compressed bytes, with the agents pages.
  const limitedBytes = mode.name === 'agents' ? dataBytes : firstRoundBytes;
  const limitMs = maxBandwidth === undefined ? 0 : (1000 * limitedBytes) / maxBandwidth;
  const hostMs = (dataBytes / GIB) * hostMsPerGib(mode, facts);
  const ms = Math.max(linkMs, limitMs, hostMs);
  const pages = Math.ceil(guestBytes / TARGET_PAGE_BYTES);
  const fills = Math.round(pages * (1 - memory.dataFraction));
  const isPostcopy = mode.name === 'post-copy';
  const precopy = forecast({
    ...{ guestPages: pages, rounds: [], dirty: dirty ? [dirty] : [], resendCost: mode.resendCost },
    current: { ms, pages, fills, wireBytes: firstRoundBytes },
    // Pages are sent again while the guest runs at the destination, never twice.
    downtimeLimitMs: isPostcopy ? Infinity : downtimeLimitMs,
  });
  const cpuSeconds = (mode.sourceSeconds + mode.destinationSeconds) / facts.cpuFactor;
  return {
    ...{ mode: mode.name, settings: settingsOf(mode, facts), firstRoundBytes },
    totalMs: precopy.endMs + FIXED_MS + (facts.isEmulated ? EMULATED_MS : 0),
    downtimeMs: isPostcopy ? POSTCOPY_DOWNTIME_MS : precopy.downtimeMs,
    converges: isPostcopy ? true : precopy.converges,
    cpuSeconds: (cpuSeconds * dataBytes * (precopy.endMs / Math.max(1, ms))) / GIB,
    bottleneck: Math.max(linkMs, limitMs) > hostMs ? 'link' : 'hosts',
  };
}

/** The busier host decides, or the thread that no other core relieves. */
function hostMsPerGib(mode: ModeCosts, facts: MigrationFacts): number {
  const { sourceSeconds, destinationSeconds, serialSeconds } = mode;
  const { sourceCores, destinationCores, busyCores = 0, isOneHost, cpuFactor } = facts;
  const threads = channelsOf(facts);
  const seconds = isOneHost
    ? [(sourceSeconds + destinationSeconds) / coresFor(2 * threads, sourceCores, busyCores)]
    : [
        sourceSeconds / coresFor(threads, sourceCores, busyCores),
        destinationSeconds / coresFor(threads, destinationCores, 0),
      ];
  return (1000 * Math.max(serialSeconds, ...seconds)) / cpuFactor;
}

/** Cores that `threads` threads of a migration get: those that are free, or a fair share of all. */
function coresFor(threads: number, cores: number, busyCores: number): number {
  return Math.min(threads, Math.max(cores - busyCores, (cores * threads) / (threads + busyCores)));
}
