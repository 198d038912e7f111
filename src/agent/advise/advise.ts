import { estimateMode, type ModeEstimate } from './estimate.js';
import type { MigrationFacts } from './facts.js';
import { MODES } from './modes.js';
import { exclusionOf } from './settings.js';

/** A mode that cannot be used, and why. */
interface ExcludedMode {
  readonly mode: string;
  readonly reason: string;
}

/** Estimates of all modes that can be used, and the choice among them. */
export interface Advice {
  readonly estimates: readonly ModeEstimate[];
  readonly excluded: readonly ExcludedMode[];
  /** The mode to use; undefined when none meets the limits. */
  readonly best: ModeEstimate | undefined;
  readonly reason: string;
}

/**
 * Post-copy has to be faster than this fraction of the time: after its switch, a lost link pauses the guest
 * until an operator recovers the migration (`migrate-recover`).
 */
const POSTCOPY_GAIN = 0.7;
/** Modes whose times differ by less than the estimates do: the CPU decides. */
const SAME_TIME = 1.05;

/** Choose the fastest mode that meets the limits; post-copy where it gains much, or nothing else does. */
export function advise(facts: MigrationFacts): Advice {
  const estimates: ModeEstimate[] = [];
  const excluded: ExcludedMode[] = [];
  for (const name of new Set(MODES.map((mode) => mode.name))) {
    const modes = MODES.filter((mode) => mode.name === name);
    const reason = exclusionOf(modes[0]!, facts);
    if (reason !== undefined) excluded.push({ mode: name, reason });
    else estimates.push(bestOf(modes.map((mode) => estimateMode(mode, facts)))!);
  }
  const { maxTotalMs = Infinity, downtimeLimitMs } = facts;
  const able = estimates.filter(({ converges, totalMs }) => converges !== false && totalMs <= maxTotalMs);
  const precopy = bestOf(able.filter(({ mode }) => mode !== 'post-copy'));
  const postcopy = able.find(({ mode }) => mode === 'post-copy');
  const best =
    postcopy && (!precopy || postcopy.totalMs <= POSTCOPY_GAIN * precopy.totalMs) ? postcopy : precopy;
  return { estimates, excluded, best, reason: reasonOf(best, downtimeLimitMs, maxTotalMs) };
}

/** Return the fastest of some estimates; of those that are as fast, the one that takes the least CPU. */
function bestOf(estimates: readonly ModeEstimate[]): ModeEstimate | undefined {
  const rank = ({ converges, totalMs }: ModeEstimate) => (converges === false ? Infinity : totalMs);
  const leastMs = Math.min(...estimates.map(rank));
  return estimates
    .filter((one) => rank(one) <= SAME_TIME * leastMs)
    .sort((a, b) => a.cpuSeconds - b.cpuSeconds)[0];
}

function reasonOf(best: ModeEstimate | undefined, downtimeLimitMs: number, maxTotalMs: number): string {
  const limits = `a downtime of ${Math.round(downtimeLimitMs)} ms${Number.isFinite(maxTotalMs) ? ` and ${seconds(maxTotalMs)}` : ''}`;
  if (!best) return `no mode meets ${limits}`;
  if (best.mode === 'post-copy') return `pre-copy does not meet ${limits}, or takes much longer`;
  const limit = best.bottleneck === 'link' ? 'the link is the limit' : 'the CPU of the hosts is the limit';
  const known = best.converges === undefined ? '; the dirty rate is not known' : '';
  return `the shortest time within ${limits}: ${limit}${known}`;
}

/** `12 s`, `0.8 s` */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
