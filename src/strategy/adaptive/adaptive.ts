import type { Strategy, StreamState } from '../strategy.js';
import { GroupChoice } from './group-choice.js';
import { FAST_BITS_PER_SECOND, groupBytes } from './group-size.js';
import { ImagesLaw } from './images.js';
import type { ControlLaw, LawName } from './law.js';
import { LiveLaw } from './live.js';
import { MeasuredLinkLaw } from './measured-link.js';
import { PageChoice } from './page-choice.js';

const LAWS: Readonly<Record<LawName, new () => ControlLaw>> = {
  images: ImagesLaw,
  'measured-link': MeasuredLinkLaw,
  live: LiveLaw,
};

/** Returns the control law of a stream, by what is known of its link. Nothing else decides this. */
export function lawOf({ bytesAcked, linkBusyFraction }: StreamState): LawName {
  if (bytesAcked === undefined) return 'images';
  return linkBusyFraction === undefined ? 'measured-link' : 'live';
}

/**
 * Creates the strategy that minimises the finish time, the longest of the stages that work side by side.
 * Every group of pages gets one packing; of the ones that are worth their time at some price, the two
 * neighbours are mixed with which cores and link finish together. A control law knows the link. Beliefs about
 * costs start from measured figures and follow every result. One object serves one stream. See
 * docs/performance.md.
 */
export function adaptive(): Strategy {
  const laws: Partial<Record<LawName, ControlLaw>> = {};
  const lawFor = (state: StreamState): ControlLaw => {
    const name = lawOf(state);
    laws[name] ??= new LAWS[name]();
    return laws[name];
  };
  const groups = new GroupChoice();
  const pages = new PageChoice();
  return {
    name: 'adaptive',
    choose: (page, state) => pages.choose(page, state, groups.pagePrices(state, lawFor(state))),
    pack: (group, state) => groups.choose(group, state, lawFor(state)),
    shouldBypass: (state) => lawFor(state).shouldBypass?.(state) ?? false,
    isPackingLikely: (linkBitsPerSecond) => linkBitsPerSecond < FAST_BITS_PER_SECOND,
    onPacked: (result) => groups.learn(result),
    groupBytes,
    explain: () => groups.explain(),
  };
}
