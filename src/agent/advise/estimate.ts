import type { DirtySample } from '../forecast/dirty-curve.js';
import { forecast } from '../forecast/forecast.js';
import { FIXED_MS, LINK_EFFICIENCY, MODES, type ModeCosts, POSTCOPY_DOWNTIME_MS } from './modes.js';

const PAGE_BYTES = 4096;
const GIB = 2 ** 30;

/** Inputs of an estimate. */
export interface MigrationFacts {
  readonly guestBytes: number;
  /** Fraction of the pages that do not repeat one byte. */
  readonly dataFraction: number;
  readonly linkBitsPerSecond: number;
  /** Pages that the guest writes in a period; undefined: not known. */
  readonly dirty: DirtySample | undefined;
  readonly downtimeLimitMs: number;
  /** Limit on the total time, in ms. */
  readonly maxTotalMs?: number | undefined;
  /** Speed of this host's packing, as a fraction of the measured one. */
  readonly cpuFactor?: number;
  /** Whether the agents can be used, and post-copy. */
  readonly hasAgents: boolean;
  readonly hasPostcopy: boolean;
}

/** Expected result of one mode. */
interface ModeEstimate {
  readonly mode: string;
  readonly settings: string;
  readonly totalMs: number;
  readonly downtimeMs: number;
  /** Undefined: the dirty rate is not known. */
  readonly converges: boolean | undefined;
  /** Bytes of the first round on the wire. */
  readonly firstRoundBytes: number;
  readonly cpuSeconds: number;
  /** Bottleneck of the first round. */
  readonly bottleneck: 'link' | 'hosts';
}

export interface Advice {
  readonly estimates: readonly ModeEstimate[];
  /** The mode to use; undefined when none meets the limits. */
  readonly best: ModeEstimate | undefined;
  readonly reason: string;
}

/** Estimate every mode that can be used. */
function estimateModes(facts: MigrationFacts): ModeEstimate[] {
  return MODES.filter(
    ({ name, isPostcopy }) => (name !== 'agents' || facts.hasAgents) && (!isPostcopy || facts.hasPostcopy),
  ).map((mode) => estimateMode(mode, facts));
}

function estimateMode(mode: ModeCosts, facts: MigrationFacts): ModeEstimate {
  const { guestBytes, dataFraction, linkBitsPerSecond, dirty, downtimeLimitMs, cpuFactor = 1 } = facts;
  const dataBytes = guestBytes * dataFraction;
  const firstRoundBytes = dataBytes * mode.wireRatio;
  const linkMs = firstRoundBytes / ((LINK_EFFICIENCY * linkBitsPerSecond) / 8000);
  const hostMs = dataBytes / (mode.bytesPerMs * (mode.name === 'agents' ? cpuFactor : 1));
  const ms = Math.max(linkMs, hostMs);
  const pages = Math.ceil(guestBytes / PAGE_BYTES);
  const fills = Math.round(pages * (1 - dataFraction));
  const precopy = forecast({
    ...{ guestPages: pages, rounds: [], dirty: dirty ? [dirty] : [], resendCost: mode.resendCost },
    current: { ms, pages, fills, wireBytes: firstRoundBytes },
    downtimeLimitMs: mode.isPostcopy ? Number.POSITIVE_INFINITY : downtimeLimitMs,
  });
  return {
    ...{ mode: mode.name, settings: mode.settings, firstRoundBytes },
    totalMs: precopy.endMs + FIXED_MS,
    downtimeMs: mode.isPostcopy ? POSTCOPY_DOWNTIME_MS : precopy.downtimeMs,
    converges: mode.isPostcopy ? true : precopy.converges,
    cpuSeconds: (mode.cpuSecondsPerGib * dataBytes * (precopy.endMs / Math.max(1, ms))) / GIB,
    bottleneck: linkMs > hostMs ? 'link' : 'hosts',
  };
}

/** Post-copy has to be faster than this fraction: after its switch, a lost link loses the guest. */
const POSTCOPY_GAIN = 0.7;

/** Choose the fastest mode that meets the limits; post-copy where it gains much, or nothing else does. */
export function advise(facts: MigrationFacts): Advice {
  const estimates = estimateModes(facts);
  const { maxTotalMs = Number.POSITIVE_INFINITY, downtimeLimitMs } = facts;
  const meets = ({ converges, totalMs }: ModeEstimate) => converges !== false && totalMs <= maxTotalMs;
  const byTime = estimates.filter(meets).sort((a, b) => a.totalMs - b.totalMs);
  const fastest = byTime[0];
  const precopy = byTime.find(({ mode }) => mode !== 'post-copy');
  const best =
    fastest?.mode === 'post-copy' && precopy && fastest.totalMs > POSTCOPY_GAIN * precopy.totalMs
      ? precopy
      : fastest;
  const limits = `a downtime of ${Math.round(downtimeLimitMs)} ms${Number.isFinite(maxTotalMs) ? ` and ${seconds(maxTotalMs)}` : ''}`;
  if (!best) return { estimates, best, reason: `no mode meets ${limits}` };
  if (best.mode === 'post-copy')
    return { estimates, best, reason: `pre-copy does not meet ${limits}, or takes much longer` };
  const limit = best.bottleneck === 'link' ? 'the link is the limit' : 'the CPU of the hosts is the limit';
  const known = best.converges === undefined ? '; the dirty rate is not known' : '';
  return { estimates, best, reason: `the shortest time within ${limits}: ${limit}${known}` };
}

/** `12 s`, `0.8 s` */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
