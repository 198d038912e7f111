import type { StreamSummary } from '../engine/encode/summary.js';
import type { PackingTrial, Survey } from './survey.js';

/** What to use, and why, in words and numbers. */
export interface Recommendation {
  readonly strategy: string;
  readonly text: string;
  /** Estimated pipelined milliseconds, the longer of encoding and sending, by strategy. */
  readonly estimates: Readonly<Record<string, number>>;
}

/**
 * Which single packing would finish first over a link of `linkBitsPerSecond`, from what a survey measured: pages that need no
 * bytes are free, all others go in groups. `adaptive` mixes them and is recommended unless raw is best anyway.
 */
export function recommend(
  survey: Survey,
  { bytesIn }: StreamSummary,
  linkBitsPerSecond: number,
  pageBytes: number,
): Recommendation {
  // A last page that is shorter is tried in groups only.
  const inGroups = survey.packings.reduce((sum, trial) => sum + trial.bytesIn, 0);
  const tried = Math.max(survey.codecs.rle!.tried.pages * pageBytes, inGroups);
  const sendMs = (bytes: number) => (bytes * 8000) / linkBitsPerSecond;
  const estimates: Record<string, number> = { 'fixed:raw': sendMs(tried) };
  for (const trial of survey.packings) {
    if (trial.bytesIn === 0) continue;
    const encodeMs = (tried * trial.ms) / trial.bytesIn;
    estimates[nameOf(trial)] = Math.max(encodeMs, sendMs((tried * trial.bytesOut) / trial.bytesIn));
  }
  const [best, bestMs] = Object.entries(estimates).reduce((a, b) => (b[1] < a[1] ? b : a));
  const strategy = best === 'fixed:raw' ? best : 'adaptive';
  const plainMs = sendMs(bytesIn);
  const saved = plainMs > 0 ? 100 * (1 - bestMs / plainMs) : 0;
  if (tried === 0)
    return {
      strategy: 'adaptive',
      text: 'Recommended: --strategy adaptive. No page here needs bytes, so that any will do.',
      estimates,
    };
  const text =
    best === 'fixed:raw'
      ? `Recommended: --strategy fixed:raw. This link is faster than packing; leaving out zero and duplicate pages alone saves ${saved.toFixed(0)} % of the time.`
      : `Recommended: --strategy adaptive. The best single packing here is ${best}: it saves ${saved.toFixed(0)} % of the time of sending everything, and adaptive mixes packings to match the link.`;
  return { strategy, text, estimates };
}

function nameOf({ packing }: PackingTrial): string {
  return packing.level === undefined ? `fixed:${packing.name}` : `fixed:${packing.name}:${packing.level}`;
}
