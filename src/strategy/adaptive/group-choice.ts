import { unpackMs } from '../destination.js';
import type { GroupView, Packing, StreamState } from '../strategy.js';
import { type Bottleneck, coresOf, isFastLink } from './bottleneck-estimator.js';
import type { PackingCosts } from './costs.js';
import type { DestinationPrice } from './destination-price.js';
import type { ControlLaw } from './law.js';

const MIB = 1 << 20;
/** Maximum link rate, in bit/s, at which profiling every page and long windows pay. */
export const SLOW_BITS_PER_SECOND = 3e8;
/**
 * Minimum link rate, in bit/s, at which small groups pay. They stay in the cache and need less memory, whose
 * first touch is slow; that saves more time than their additional bytes cost (half a per cent with zstd).
 */
const SMALL_GROUPS_BITS_PER_SECOND = 1e9;
/**
 * Minimum price at which pages are packed on a fast link. Below it even the estimates take longer than
 * packing saves. With few threads the minimum is just above 1: the link has to be the bottleneck.
 */
const MIN_FAST_LINK_PRICE = 0.5;
const MIN_FAST_LINK_PRICE_OF_FEW = 1.02;
const FEW_THREADS = 2;
/**
 * Where only the initial estimates speak against packing, one group is packed as a trial: above
 * `TRIAL_PRICE`; or above 1, if it would pay on a machine `TRIAL_SPEED` times as fast and takes at most
 * `TRIAL_SHARE` of the remaining time. Without it, a machine that is faster than the estimates would send raw
 * pages for too long.
 */
const TRIAL_PRICE = 3;
const TRIAL_SPEED = 4;
const TRIAL_SHARE = 0.02;
/** Number of uncompressed groups whose time on the link is the backlog that counts as enough. */
const ENOUGH_GROUPS = 4;
const NEARLY_DONE = 0.9;

/**
 * Return the bytes of the next segment. On slow links long windows save bytes. On others small groups are
 * better: they balance over the threads, and the link, which sends frames in order, waits less for one that
 * is being packed. The first groups are small so that the link has work early; so are the last ones of an
 * image.
 */
export function groupBytes(state: StreamState): number {
  const { linkBitsPerSecond } = state;
  // One thread writes nothing while it packs: the link idles once the output's buffer is empty.
  if (state.threads === 1 || linkBitsPerSecond >= SMALL_GROUPS_BITS_PER_SECOND) return MIB;
  const maxBytes = linkBitsPerSecond <= SLOW_BITS_PER_SECOND ? 4 * MIB : 2 * MIB;
  const share = state.progress?.share ?? 0;
  return Math.min(maxBytes, share > NEARLY_DONE ? 2 * MIB : MIB + state.bytesOut);
}

/** The parts that choose the packings of one stream. */
export interface GroupChoice {
  readonly costs: PackingCosts;
  readonly law: ControlLaw;
  readonly destination: DestinationPrice;
}

/** Return the packing with the lowest sum of packing time, priced link time and priced destination time. */
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
  // Even the estimates would take a few per cent of the link's time for the pages.
  const minPrice = state.threads <= FEW_THREADS ? MIN_FAST_LINK_PRICE_OF_FEW : MIN_FAST_LINK_PRICE;
  if (isFastLink(state) && bytePrice < minPrice) return chosen;
  let lowestCost = Infinity;
  costs.useZstd(state);
  costs.assumeSpeed(state);
  const cores = coresOf(state);
  // The time in which all other work ends: the link's backlog, and the rest of the image at the pace so far.
  const remainingMs = restMs(state);
  const othersEndMs = Math.max(remainingMs, linkBacklogMs + state.pendingMs / cores);
  let isTrialCheap = false;
  for (const option of costs.options) {
    if (option.packing.name === 'zstd' && !state.hasZstd) continue;
    const { ms, bytes } = costs.expect(option, group);
    const handoverMs = state.handoverMs(option.packing.name);
    const packMs = ms / cores + handoverMs;
    // The link idles if packing takes longer than its backlog.
    const idleMs = Math.max(0, packMs - linkBacklogMs - graceMs);
    // One thread packs a group: at the end of an image the other threads are idle meanwhile.
    const latencyMs = ms * Math.max(1, state.threads / cores) + handoverMs;
    const lateMs = Math.max(0, latencyMs - othersEndMs);
    const receiveMs = destination ? unpackMs(destination, option.packing.name, group.bytes) : 0;
    const linkMs = bytes / linkBytesPerMs + idleMs;
    const cost = packMs + bytePrice * linkMs + Math.max(1, bytePrice) * lateMs + destinationPrice * receiveMs;
    if (option.packing.name === 'lz4') {
      const savedMs = group.bytes / linkBytesPerMs - linkMs;
      isTrialCheap = packMs / TRIAL_SPEED < bytePrice * savedMs && ms < TRIAL_SHARE * remainingMs;
    }
    if (cost < lowestCost) {
      chosen = { ...option.packing, expectedMs: ms, expectedBytes: bytes };
      lowestCost = cost;
    }
  }
  const isTrialUseful = bytePrice > (isTrialCheap ? 1 : TRIAL_PRICE);
  if (chosen.name === 'raw' && isTrialUseful && costs.takeTrial(isTrialCheap)) return { name: 'lz4' };
  return chosen;
}

/** Return the ms that the rest of the image takes at the pace so far; Infinity if its size is unknown. */
function restMs({ progress, elapsedMs }: StreamState): number {
  const share = progress?.share ?? 0;
  return share > 0 ? (elapsedMs() * (1 - share)) / share : Infinity;
}
