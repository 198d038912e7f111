import type { Strategy, StreamState } from '../strategy.js';
import { PackingCosts } from './costs.js';
import { DestinationPrice } from './destination-price.js';
import { cheapestPacking, groupBytes } from './group-choice.js';
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

/** Maximum level of the options in `costs.ts`. */
const MAX_ZSTD_LEVEL = 12;

/** Return the control law of a stream: it depends only on what is known about the link. */
export function lawOf({ bytesAcked, linkBusyFraction }: StreamState): LawName {
  if (bytesAcked === undefined) return 'images';
  return linkBusyFraction === undefined ? 'measured-link' : 'live';
}

/**
 * Create the strategy that minimises the finish time of encoding and sending, which run as a pipeline, by
 * keeping encoder and link busy until the end. A control law sets the price of a ms of the link in ms of
 * packing. For every group the packing of the lowest total cost is chosen. Expected costs start from measured
 * figures and follow the result of every packing. One object serves one stream. See docs/tradeoff.md.
 */
export function adaptive(): Strategy {
  const laws: Partial<Record<LawName, ControlLaw>> = {};
  let current: ControlLaw | undefined;
  const lawFor = (state: StreamState): ControlLaw => {
    const name = lawOf(state);
    laws[name] ??= new LAWS[name]();
    current = laws[name];
    return current;
  };
  const costs = new PackingCosts();
  const destination = new DestinationPrice();
  const pages = new PageChoice();
  return {
    name: 'adaptive',
    maxZstdLevel: MAX_ZSTD_LEVEL,
    choose: (page, state) => pages.choose(page, state, lawFor(state).bytePrice),
    pack: (group, state) => cheapestPacking({ costs, law: lawFor(state), destination }, group, state),
    shouldBypass: (state) => lawFor(state).shouldBypass?.(state) ?? false,
    looks: (state) => pages.begin(state, lawFor(state).bytePrice),
    onLooked: (result) => pages.looked(result),
    onPacked(result) {
      costs.learn(result);
      pages.learn(result);
    },
    groupBytes,
    explain: () => (current ? { bytePrice: current.bytePrice } : {}),
  };
}
