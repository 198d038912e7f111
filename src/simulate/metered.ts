import type { CodecName } from '../codec/registry.js';
import type { PageProfile, PageView, Strategy } from '../strategy/strategy.js';
import { type Costs, packMs, unpackMs } from './costs.js';

/** What a strategy's choices took, in ms by calibrated costs. */
export interface Work {
  /** On the thread that decides. */
  decideMs: number;
  /** Packing, over all threads. */
  packMs: number;
  unpackMs: number;
}

/** A page view that puts what it is asked on the bill. */
class MeteredView implements PageView {
  private page: PageView | undefined;
  private readonly measured = new Set<CodecName>();
  private profiled = false;
  private searched = false;

  constructor(
    private readonly costs: Costs,
    private readonly work: Work,
  ) {}

  set(page: PageView): void {
    this.page = page;
    this.measured.clear();
    this.profiled = false;
    this.searched = false;
  }

  get pageBytes(): number {
    return this.page!.pageBytes;
  }

  get hasVersion(): boolean {
    return this.page!.hasVersion;
  }

  get profile(): PageProfile {
    if (!this.profiled) this.charge(this.costs.profileUs);
    this.profiled = true;
    return this.page!.profile;
  }

  get hasSimilar(): boolean {
    if (!this.searched) this.charge(this.costs.similarUs);
    this.searched = true;
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

/** A strategy whose work is counted by calibrated costs; it is told those, not what the clock says, so it chooses the same each time. */
export function metered(strategy: Strategy, costs: Costs, work: Work): Strategy {
  const view = new MeteredView(costs, work);
  const { pack, isPackingLikely, shouldBypass, groupBytes } = strategy;
  return {
    name: strategy.name,
    choose(page, state) {
      view.set(page);
      const choice = strategy.choose(view, state);
      if (choice !== 'group' && choice !== 'raw' && choice !== 'lz4' && choice !== 'zstd')
        view.measure(choice);
      return choice;
    },
    ...(pack && { pack: (group, state) => pack.call(strategy, group, state) }),
    ...(isPackingLikely && { isPackingLikely: (rate) => isPackingLikely.call(strategy, rate) }),
    ...(shouldBypass && { shouldBypass: (state) => shouldBypass.call(strategy, state) }),
    ...(groupBytes && { groupBytes: (state) => groupBytes.call(strategy, state) }),
    onPacked(result) {
      const ms = packMs(costs, result.packing, result.group.bytes);
      work.packMs += ms;
      if (result.packedBytes < result.group.bytes)
        work.unpackMs += unpackMs(costs, result.packing.name, result.group.bytes);
      strategy.onPacked?.({ ...result, ms });
    },
  };
}
