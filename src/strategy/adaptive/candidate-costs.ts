import type { StreamState } from '../strategy.js';
import type { PackingCosts, PackingOption } from './costs.js';
import type { Stages } from './stages.js';

/** What the packings cost one group. */
export class CandidateCosts {
  constructor(
    readonly costs: PackingCosts,
    readonly stages: Stages,
    private readonly state: StreamState,
    readonly groupBytes: number,
    readonly kind: number,
    readonly estimate: number,
  ) {}

  /** Whether the packing can be chosen. */
  isPossible({ packing }: PackingOption): boolean {
    return packing.name !== 'zstd' || this.state.hasZstd;
  }

  /** Returns the option with the lowest cost at a weight of the link's time. */
  cheapest(weight: number): PackingOption {
    let [best] = this.costs.options;
    let lowest = Infinity;
    for (const option of this.costs.options) {
      if (!this.isPossible(option)) continue;
      const cost = this.costOf(option, weight);
      if (cost < lowest) [lowest, best] = [cost, option];
    }
    return best!;
  }

  /** Returns the weighted sum of the time of all cores and of the link, idle time of the link included. */
  costOf(option: PackingOption, weight: number): number {
    const { cores, elapsedFactor, coresMs, linkMs, linkMsPerByte } = this.stages;
    const { ms, bytes } = this.costs.expect(option, this.groupBytes, this.kind, this.estimate);
    const handoverMs = this.state.handoverMs(option.packing.name);
    // The group waits for a free core, then is packed on one; meanwhile the link may run out of bytes.
    const waitMs = Math.max(0, coresMs - (1 - 1 / cores) * ms);
    const idleMs = Math.max(0, waitMs + ms * elapsedFactor + handoverMs - linkMs);
    return (1 - weight) * (ms / cores + handoverMs) + weight * (bytes * linkMsPerByte + idleMs);
  }

  /** Returns the standard deviation of what a result of an option may change in its cost against another. */
  deviationOf(option: PackingOption, other: PackingOption, weight: number): number {
    const { costs, stages, kind } = this;
    const { ms, bytes } = costs.expect(option, this.groupBytes, kind, this.estimate);
    const coreMs = ((1 - weight) * ms) / stages.cores;
    const linkMs = weight * bytes * stages.linkMsPerByte;
    const move = costs.moveBy(option, other, kind);
    return Math.sqrt(coreMs ** 2 * move.ms + linkMs ** 2 * move.bytes);
  }
}
