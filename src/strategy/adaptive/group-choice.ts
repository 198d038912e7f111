import type { GroupView, Packing, PackingResult, StrategyExplanation, StreamState } from '../strategy.js';
import { CandidateCosts } from './candidate-costs.js';
import { classOf, PackingCosts, type PackingOption } from './costs.js';
import type { ControlLaw } from './law.js';
import { Mixer } from './mix.js';
import { StageMonitor } from './stages.js';
import { Trials } from './trials.js';

/** Size of a group for which prices are computed before there is one. */
const INITIAL_GROUP_BYTES = 1 << 20;

/** What the choice means for single pages, in ms of one core. */
export interface PagePrices {
  /** What a byte less on the link is worth. */
  readonly byteMs: number;
  /** What packing a byte costs, and the bytes that it leaves. */
  readonly packMs: number;
  readonly packedBytes: number;
}

/** Chooses the packing of groups: the weighted sum of core time and link time decides. */
export class GroupChoice {
  private readonly costs = new PackingCosts();
  private readonly mixer = new Mixer();
  private readonly monitor = new StageMonitor();
  private readonly trials = new Trials();
  private hasCpuTimes = false;
  /** Share of groups that should have been chosen at the higher weight and were not yet. */
  private owed = 0;
  /** Weight of the link's time against the time of all cores, 0 … 1, at the last choice. */
  private linkWeight = 0.5;
  private known: PagePrices | undefined;

  /** Returns the packing of a group. */
  choose(group: GroupView, state: StreamState, law: ControlLaw): Packing {
    const { costs } = this;
    const stages = this.update(group.bytes, state, law);
    const { kind, estimate } = classOf(group);
    this.mixer.note(kind, estimate, group.bytes);
    this.mixer.fill(costs, state.hasZstd);
    const candidates = new CandidateCosts(costs, stages, state, group.bytes, kind, estimate);
    const option = this.atBalance(candidates, law, state);
    this.notePrices();
    // A live stream waits for every batch: a slow trial would delay the guest.
    const trial = law.priceAt ? undefined : this.trials.instead(option, candidates, this.linkWeight);
    const chosen = trial ?? option;
    const { ms, bytes } = costs.expect(chosen, group.bytes, kind, estimate);
    return { ...chosen.packing, expectedMs: ms, expectedBytes: bytes };
  }

  /** Corrects the beliefs by the result of a packing. */
  learn(result: PackingResult): void {
    const option = this.costs.optionOf(result.packing);
    if (option) this.trials.end(option);
    // Without the number of cores, the elapsed time contains the wait for one.
    this.costs.learn(result, this.hasCpuTimes ? (result.cpuMs ?? result.ms) : result.ms);
  }

  /** Returns what choices about single pages need, before the first group from the initial costs. */
  pagePrices(state: StreamState, law: ControlLaw): PagePrices {
    if (!this.known) {
      const stages = this.monitor.stages;
      stages.cores = state.cores ?? state.threads;
      stages.linkMsPerByte = 8000 / state.linkBitsPerSecond;
      this.costs.useZstd(state.zstdName);
      this.mixer.fill(this.costs, state.hasZstd);
      const price = law.priceAt?.(state, state.elapsedMs());
      this.linkWeight =
        price === undefined ? this.mixer.solve(stages, INITIAL_GROUP_BYTES).low : price / (1 + price);
      this.notePrices();
    }
    return this.known!;
  }

  /** Returns the bottleneck and the price of the last choice. */
  explain(): StrategyExplanation {
    const { linkMsPerByte, destinationMsPerByte } = this.monitor.stages;
    const isDestination = destinationMsPerByte > (this.known?.packedBytes ?? 1) * linkMsPerByte;
    const bottleneck = isDestination ? 'destination' : this.linkWeight < 0.5 ? 'cpu' : 'link';
    return { bottleneck, bytePrice: this.linkWeight / (1 - this.linkWeight) };
  }

  private update(bytes: number, state: StreamState, law: ControlLaw) {
    const { costs } = this;
    const nowMs = state.elapsedMs();
    this.hasCpuTimes = state.cores !== undefined;
    costs.useZstd(state.zstdName);
    costs.ageUntil(nowMs);
    return this.monitor.update(state, bytes, law.linkBacklogMs(state, nowMs), costs);
  }

  private atBalance(candidates: CandidateCosts, law: ControlLaw, state: StreamState): PackingOption {
    const price = law.priceAt?.(state, state.elapsedMs());
    if (price !== undefined) {
      this.linkWeight = price / (1 + price);
      return candidates.cheapest(this.linkWeight);
    }
    const { low, high, highShare } = this.mixer.solve(candidates.stages, candidates.groupBytes);
    const atLow = candidates.cheapest(low);
    const atHigh = candidates.cheapest(high);
    this.linkWeight = highShare > 0.5 ? high : low;
    if (atLow === atHigh) return atLow;
    this.owed += highShare;
    const isHigh = this.owed >= 0.5;
    if (isHigh) this.owed -= 1;
    return isHigh ? atHigh : atLow;
  }

  private notePrices(): void {
    const { mixer, linkWeight, monitor } = this;
    const { cores, linkMsPerByte } = monitor.stages;
    mixer.average(linkWeight, monitor.stages);
    const byteMs = (linkWeight / (1 - linkWeight)) * cores * linkMsPerByte;
    this.known = { byteMs, packMs: mixer.meanMs, packedBytes: mixer.meanBytes };
  }
}
