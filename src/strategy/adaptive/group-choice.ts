import { unpackMs } from '../destination.js';
import type { GroupView, Packing, StreamState } from '../strategy.js';
import { type Bottleneck, coresOf, isFastLink } from './bottleneck-estimator.js';
import type { PackingCosts } from './costs.js';
import type { DestinationPrice } from './destination-price.js';
import type { ControlLaw } from './law.js';

const MIB = 1 << 20;
/** Link rate, in bit/s, up to which profiling every page and long windows pay. */
export const SLOW_BITS_PER_SECOND = 3e8;
/**
 * Link rate from which on small groups pay: they stay in the cache and need less memory, of which the first
 * touch is slow. That saves more time than the bytes that they cost, half a per cent with zstd.
 */
const SMALL_GROUPS_BITS_PER_SECOND = 1e9;
/**
 * On a fast link nothing is packed below this price: even estimates take a share of so short a time. With few
 * threads they take more of it than they save as long as the link is not the bottleneck.
 */
const MIN_FAST_LINK_PRICE = 0.5;
const MIN_FAST_LINK_PRICE_OF_FEW = 1.02;
const FEW_THREADS = 2;
/**
 * Price above which one group is packed to learn what that costs, where the initial estimates speak against
 * it: a machine that is faster than they assume would send raw pages until the price is far too high.
 */
const TRIAL_PRICE = 3;
/** Uncompressed groups whose time on the link counts as enough backlog. */
const ENOUGH_GROUPS = 4;
const NEARLY_DONE = 0.9;

/**
 * Return the bytes of the next segment. Slow links gain from long windows, but a link waits behind a frame
 * that is still being packed, whatever is ready after it. Elsewhere small pieces balance better over threads.
 * The first groups are small, so that the link has work early, and so are the last ones of an image.
 */
export function groupBytes(state: StreamState): number {
  const { linkBitsPerSecond } = state;
  // One thread writes nothing while it packs, so that the link idles once the output's buffer is empty.
  if (state.threads === 1 || linkBitsPerSecond >= SMALL_GROUPS_BITS_PER_SECOND) return MIB;
  const maxBytes = linkBitsPerSecond <= SLOW_BITS_PER_SECOND ? 4 * MIB : 2 * MIB;
  const share = state.progress?.share ?? 0;
  return Math.min(maxBytes, share > NEARLY_DONE ? 2 * MIB : MIB + state.bytesOut);
}

/** What decides about groups of one stream. */
export interface GroupChoice {
  readonly costs: PackingCosts;
  readonly law: ControlLaw;
  readonly destination: DestinationPrice;
}

/** Return the packing of a group with the lowest packing time plus priced link and destination time. */
export function cheapestPacking(choice: GroupChoice, group: GroupView, state: StreamState): Packing {
  const groupsMs = (ENOUGH_GROUPS * group.bytes * 8000) / state.linkBitsPerSecond;
  const bottleneck = choice.law.estimate(state, groupsMs);
  const nowMs = state.elapsedMs();
  const destinationPrice = choice.destination.at(state, nowMs, bottleneck);
  const chosen = cheapestOf(choice.costs, group, state, bottleneck, destinationPrice);
  choice.destination.chosen(state, nowMs, group, chosen);
  return chosen;
}

function cheapestOf(
  costs: PackingCosts,
  group: GroupView,
  state: StreamState,
  { linkBacklogMs, graceMs, bytePrice }: Bottleneck,
  destinationPrice: number,
): Packing {
  const { destination } = state;
  const linkBytesPerMs = state.linkBitsPerSecond / 8000;
  let chosen: Packing = { name: 'raw' };
  // Even the estimates would cost a few per cent of the time that such a link takes for the pages.
  const minPrice = state.threads <= FEW_THREADS ? MIN_FAST_LINK_PRICE_OF_FEW : MIN_FAST_LINK_PRICE;
  if (isFastLink(state) && bytePrice < minPrice) return chosen;
  let lowestCost = Infinity;
  costs.useZstd(state);
  costs.assumeSpeed(state);
  const cores = coresOf(state);
  // Everything else ends then: the link's backlog, and the rest of the image at the pace so far.
  const othersEndMs = Math.max(restMs(state), linkBacklogMs + state.pendingMs / cores);
  for (const option of costs.options) {
    if (option.packing.name === 'zstd' && !state.hasZstd) continue;
    const { ms, bytes } = costs.expect(option, group);
    const handoverMs = state.handoverMs(option.packing.name);
    const packMs = ms / cores + handoverMs;
    // Packing for longer than the link is busy leaves it idle.
    const idleMs = Math.max(0, packMs - linkBacklogMs - graceMs);
    // One group is packed by one thread: at the end of an image the others have nothing to do meanwhile.
    const latencyMs = ms * Math.max(1, state.threads / cores) + handoverMs;
    const lateMs = Math.max(0, latencyMs - othersEndMs);
    const receiveMs = destination ? unpackMs(destination, option.packing.name, group.bytes) : 0;
    const linkMs = bytes / linkBytesPerMs + idleMs;
    const cost = packMs + bytePrice * linkMs + Math.max(1, bytePrice) * lateMs + destinationPrice * receiveMs;
    if (cost < lowestCost) {
      chosen = { ...option.packing, expectedMs: ms, expectedBytes: bytes };
      lowestCost = cost;
    }
  }
  if (chosen.name === 'raw' && bytePrice > TRIAL_PRICE && costs.takeTrial()) return { name: 'lz4' };
  return chosen;
}

/** Return the ms that the rest of the image takes at the pace so far; Infinity if its size is not known. */
function restMs({ progress, elapsedMs }: StreamState): number {
  const share = progress?.share ?? 0;
  return share > 0 ? (elapsedMs() * (1 - share)) / share : Infinity;
}
