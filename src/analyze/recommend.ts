import type { StreamSummary } from '../engine/encode/summary.js';
import type { PackingTrial, PageStatistics } from './page-statistics.js';

/** Recommended strategy, with the reason. */
export interface Recommendation {
  readonly strategy: string;
  /** The reason, for the terminal. */
  readonly text: string;
  /** Estimated pipelined ms, the longer of encoding and sending, by strategy. */
  readonly estimates: Readonly<Record<string, number>>;
}

/**
 * Recommends the strategy that finishes first over a link of `linkBitsPerSecond`, by the measured statistics.
 * Pages that need no bytes are free, all others go in groups. `adaptive` mixes packings and is recommended
 * unless raw is best.
 */
export function recommend(
  statistics: PageStatistics,
  { bytesIn }: StreamSummary,
  linkBitsPerSecond: number,
  pageBytes: number,
): Recommendation {
  // A short last page is tried in groups only.
  const inGroups = statistics.packings.reduce((sum, trial) => sum + trial.bytesIn, 0);
  const tried = Math.max(statistics.codecs.rle!.tried.pages * pageBytes, inGroups);
  const sendMs = (bytes: number) => (bytes * 8000) / linkBitsPerSecond;
  const estimates: Record<string, number> = { 'fixed:raw': sendMs(tried) };
  for (const trial of statistics.packings) {
    if (trial.bytesIn === 0) continue;
    const encodeMs = (tried * trial.ms) / trial.bytesIn;
    estimates[nameOf(trial)] = Math.max(encodeMs, sendMs((tried * trial.bytesOut) / trial.bytesIn));
  }
  const [best, bestMs] = Object.entries(estimates).reduce((a, b) => (b[1] < a[1] ? b : a));
  const strategy = best === 'fixed:raw' ? best : 'adaptive';
  const uncompressedMs = sendMs(bytesIn);
  const saved = uncompressedMs > 0 ? 100 * (1 - bestMs / uncompressedMs) : 0;
  if (tried === 0)
    return {
      strategy: 'adaptive',
      text: 'Recommended: --strategy adaptive. Every page is zero, a fill or a duplicate: all strategies perform the same.',
      estimates,
    };
  const text =
    best === 'fixed:raw'
      ? `Recommended: --strategy fixed:raw. The link is faster than any packing; dedup alone saves ${saved.toFixed(0)} % of the time.`
      : `Recommended: --strategy adaptive. The best fixed strategy is ${best}: it saves ${saved.toFixed(0)} % of the time of sending every byte; adaptive mixes packings to match the link.`;
  return { strategy, text, estimates };
}

function nameOf({ packing }: PackingTrial): string {
  return packing.level === undefined ? `fixed:${packing.name}` : `fixed:${packing.name}:${packing.level}`;
}
