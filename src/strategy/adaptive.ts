import { PackingCosts } from './packing-costs.js';
import type { GroupView, Packing, Strategy, StreamState } from './strategy.js';

const MIB = 1 << 20;
/** A delta is worth its bytes below this share of the page: of 0.3, 0.45, 0.6 and 0.75 this packed smallest on guest memory. */
const DELTA_PAYS = 0.45;
/** Bits a second; a faster link mostly gets pages as they are. */
const PACKING_PAYS_BELOW = 4e9;
/** A link that slow pays for looking at every page, and leaving those out that nothing can shrink. */
const LOOKS_PAY_BELOW = 3e8;
const INCOMPRESSIBLE = 0.97;
/** What waits for the link is plenty when it is this many groups' worth of pages as they are, within these bounds. */
const PLENTY_GROUPS = 4;
const PLENTY_MS = [20, 500] as const;
/** What the price of an idle side is, as a share of plenty: with both idle, the group that arrives first wins. */
const IDLE = 0.25;

/**
 * Minimises the pipelined finish time, the longer of encoding and sending, by keeping both sides busy. The link is a queue that
 * empties at its rate, and so are the packing threads. The more waits for the link, the dearer is a byte; the more waits for the
 * threads while the link does not, the dearer is a millisecond of packing. Of every group the packing with the least priced cost
 * is chosen. Costs start from measured figures and follow what every packing really took.
 */
export function adaptive(): Strategy {
  const costs = new PackingCosts();
  const link = { freeAtMs: 0, bytesSeen: 0 };
  return {
    name: 'adaptive',
    choose(page, state) {
      const worth = DELTA_PAYS * page.pageBytes;
      const version = page.hasVersion ? page.measure('xbzrle') : Infinity;
      // A small delta is not worth beating; a large one may be, by another page.
      if (version < worth / 4) return 'xbzrle';
      const similar = page.hasSimilar ? page.measure('similar') : Infinity;
      if (Math.min(version, similar) < worth) return version <= similar ? 'xbzrle' : 'similar';
      if (state.linkBitsPerSecond >= LOOKS_PAY_BELOW) return 'group';
      return page.profile.estimatedBytes >= INCOMPRESSIBLE * page.pageBytes ? 'raw' : 'group';
    },
    pack: (group, state) => cheapest(costs, link, group, state),
    packs: (linkBitsPerSecond) => linkBitsPerSecond < PACKING_PAYS_BELOW,
    packed: (result) => costs.learn(result),
    groupBytes,
  };
}

/** Slow links pay for long windows; fast ones for small, evenly shared pieces of work. */
function groupBytes(state: StreamState): number {
  if (state.linkBitsPerSecond <= LOOKS_PAY_BELOW) return 8 * MIB;
  return state.linkBitsPerSecond <= 3e9 ? 2 * MIB : MIB;
}

function cheapest(
  costs: PackingCosts,
  link: { freeAtMs: number; bytesSeen: number },
  group: GroupView,
  state: StreamState,
): Packing {
  const linkBytesPerMs = state.linkBitsPerSecond / 8000;
  const now = state.elapsedMs();
  link.freeAtMs = Math.max(link.freeAtMs, now) + (state.bytesOut - link.bytesSeen) / linkBytesPerMs;
  link.bytesSeen = state.bytesOut;
  const [least, most] = PLENTY_MS;
  const plentyMs = Math.min(most, Math.max(least, (PLENTY_GROUPS * group.bytes) / linkBytesPerMs));
  const cpuBacklogMs = state.pendingMs / state.threads;
  // What the threads still have to do before this group eats into the link's backlog.
  const linkBacklogMs = Math.max(0, link.freeAtMs - now - cpuBacklogMs);
  const idleMs = plentyMs * IDLE;
  const bytePrice = idleMs + Math.min(plentyMs, linkBacklogMs);
  const busyPrice = idleMs + Math.min(plentyMs, cpuBacklogMs);
  let chosen: Packing = { name: 'raw' };
  let chosenPrice = Infinity;
  for (const option of costs.options) {
    if (option.packing.name === 'zstd' && !state.zstd) continue;
    const { ms, bytes } = costs.expect(option, group);
    const packMs = ms / state.threads + state.handoverMs(option.packing.name);
    // Packing is free while the link has plenty to send, even after it.
    const leftMs = Math.min(plentyMs, Math.max(0, linkBacklogMs - packMs));
    const cpuPrice = busyPrice * (1 - leftMs / plentyMs);
    // Packing for longer than the link is busy leaves it idle.
    const waitMs = Math.max(0, packMs - linkBacklogMs);
    const price = cpuPrice * packMs + bytePrice * (bytes / linkBytesPerMs + waitMs);
    if (price < chosenPrice) {
      chosen = { ...option.packing, expectedMs: ms, expectedBytes: bytes };
      chosenPrice = price;
    }
  }
  return chosen;
}
