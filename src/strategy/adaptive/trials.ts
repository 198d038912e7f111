import type { CandidateCosts } from './candidate-costs.js';
import type { PackingOption } from './costs.js';

/** Most groups that a better option is expected to serve: beliefs change before more are packed. */
const MAX_SERVED_GROUPS = 20;
/** Of groups that no packing is expected to shrink, one in this many may be tried. */
const VAIN_INTERVAL = 64;
const ROOT_TAU = Math.sqrt(2 * Math.PI);

/**
 * Tries options that may be cheaper than the chosen one. A trial packs a group of the stream. It is made when
 * what its result may save over the next groups, by the uncertainty of the beliefs, is worth more than it is
 * expected to cost. Uncertainty grows with time, so trials are repeated.
 */
export class Trials {
  private readonly running = new Set<PackingOption>();
  private vain = VAIN_INTERVAL - 1;

  /** Returns the option to try in place of the chosen one. */
  instead(chosen: PackingOption, candidates: CandidateCosts, weight: number): PackingOption | undefined {
    const { stages, costs, groupBytes } = candidates;
    if (this.running.size >= Math.max(1, stages.cores / 2)) return undefined;
    if (chosen.packing.name === 'raw' && this.isVain(candidates)) return undefined;
    const served = Math.min(MAX_SERVED_GROUPS, stages.remainingBytes / groupBytes);
    const cost = candidates.costOf(chosen, weight);
    let best: PackingOption | undefined;
    let highest = 1;
    for (const option of costs.options) {
      if (option === chosen || this.running.has(option) || !candidates.isPossible(option)) continue;
      const excess = Math.max(0, candidates.costOf(option, weight) - cost);
      const gain = meanGain(excess, candidates.deviationOf(option, chosen, weight));
      if (gain <= 0) continue;
      const worth = (served * gain) / (excess + gain);
      if (worth > highest) [highest, best] = [worth, option];
    }
    if (best) this.running.add(best);
    return best;
  }

  /** Whether no packing is expected to shrink the group and it is not yet time to check that. */
  private isVain(candidates: CandidateCosts): boolean {
    const { costs, groupBytes, kind, estimate } = candidates;
    for (const option of costs.options)
      if (costs.expect(option, groupBytes, kind, estimate).bytes < groupBytes) return false;
    this.vain = (this.vain + 1) % VAIN_INTERVAL;
    return this.vain !== 0;
  }

  /** Notes that an option was packed with. */
  end(option: PackingOption): void {
    this.running.delete(option);
  }
}

/** Returns the mean of the positive part of a normal variable with mean `-excess`. */
function meanGain(excess: number, deviation: number): number {
  if (deviation <= 0) return 0;
  const u = excess / deviation;
  const density = Math.exp((-u * u) / 2) / ROOT_TAU;
  // The logistic function is close to the normal distribution's.
  return deviation * Math.max(0, density - u / (1 + Math.exp(1.702 * u)));
}
