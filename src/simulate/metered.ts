import type { CodecName } from '../codec/registry.js';
import type { Choice, PageProfile, PageView, Strategy } from '../strategy/strategy.js';
import { type Costs, packMs, unpackMs } from './costs.js';

/** Simulated CPU time of a strategy's choices and packings, in ms. */
export interface Work {
  /** Choosing, on one thread. */
  decideMs: number;
  /** Packing, summed over all threads. */
  packMs: number;
  /** Unpacking at the destination. */
  unpackMs: number;
}

/** A page view that adds the cost of every property the strategy reads to `decideMs`. */
class MeteredView implements PageView {
  private page: PageView | undefined;
  private readonly measured = new Set<CodecName>();
  private isProfiled = false;
  private hasSearched = false;

  constructor(
    private readonly costs: Costs,
    private readonly work: Work,
  ) {}

  set(page: PageView): void {
    this.page = page;
    this.measured.clear();
    this.isProfiled = false;
    this.hasSearched = false;
  }

  get pageBytes(): number {
    return this.page!.pageBytes;
  }

  get hasVersion(): boolean {
    return this.page!.hasVersion;
  }

  get profile(): PageProfile {
    if (!this.isProfiled) this.charge(this.costs.profileUs);
    this.isProfiled = true;
    return this.page!.profile;
  }

  get hasSimilar(): boolean {
    if (!this.hasSearched) this.charge(this.costs.similarUs);
    this.hasSearched = true;
    return this.page!.hasSimilar;
  }

  measure(name: CodecName): number {
    if (name === 'similar') return this.hasSimilar ? this.page!.measure(name) : Infinity;
    if (!this.measured.has(name)) {
      this.measured.add(name);
      this.charge(this.costs.encodeUs[name] ?? 0);
    }
    return this.page!.measure(name);
  }

  private charge(us: number): void {
    this.work.decideMs += (us * this.pageBytes) / 4096 / 1000;
  }
}

/** Choices for which the engine does not encode the page alone. */
const UNMEASURED: readonly Choice[] = ['group', 'best', 'raw', 'lz4', 'zstd'];

/**
 * Wrap a strategy so that the simulated CPU time of its work is added to `work`. The strategy gets simulated
 * times in place of measured ones, so its choices are reproducible.
 */
export function metered(strategy: Strategy, costs: Costs, work: Work): Strategy {
  const view = new MeteredView(costs, work);
  const { pack, groupBytes } = strategy;
  return {
    name: strategy.name,
    zstdPageLevel: strategy.zstdPageLevel,
    maxZstdLevel: strategy.maxZstdLevel,
    choose(page, state) {
      view.set(page);
      const choice = strategy.choose(view, state);
      if (choice === 'zstd-page') view.measure('zstd');
      else if (!UNMEASURED.includes(choice)) view.measure(choice as CodecName);
      return choice;
    },
    ...(pack && { pack: (group, state) => pack.call(strategy, group, state) }),
    ...(groupBytes && { groupBytes: (state) => groupBytes.call(strategy, state) }),
    onPacked(result) {
      const ms = packMs(costs, result.packing, result.group.bytes);
      work.packMs += ms;
      if (result.packedBytes < result.group.bytes)
        work.unpackMs += unpackMs(costs, result.packing.name, result.group.bytes);
      // A measured time would make choices depend on the machine.
      strategy.onPacked?.({ ...result, ms, cpuMs: undefined });
    },
  };
}
